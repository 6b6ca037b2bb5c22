package experiment

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// Report is everything that was measured.
type Report struct {
	Plan       Plan
	Pinning    string
	Throughput []*Throughput `json:",omitempty"`
	Starts     []*Start      `json:",omitempty"`
	Overload   []*Overload   `json:",omitempty"`
}

// Write writes the report for people.
func (r *Report) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(format string, args ...any) { fmt.Fprintf(table, format+"\t\n", args...) }
	fmt.Fprintf(table, "%s %s/%s, %d CPUs; %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), r.Pinning)
	for i, t := range r.Throughput {
		if i == 0 {
			fmt.Fprintf(table, "\nThroughput: %d requests in flight, %d gRPC connections; median of %d rounds of %s (quartiles)\n\n",
				concurrency, connections, r.Plan.Rounds, r.Plan.Round)
		}
		row("%s\trequests/s\tp50 ms\tp99 ms\tserver CPU µs/request\tserver busy\tpeak RSS MB", t.Protocol)
		for _, server := range []struct {
			name string
			Answers
		}{{"bare", t.Bare}, {"full", t.Full}} {
			row("%s\t%.0f\t%.2f\t%.2f\t%.1f\t%.0f %%\t%.1f", server.name, server.PerSecond.Median,
				milliseconds(server.P50), milliseconds(server.P99), server.CPU.Median, 100*server.Busy.Median, megabytes(server.PeakMemory))
		}
		row("ratio\t%s\t\t\t%s\t\t", ratio(t.Ratio), ratio(t.CPURatio))
		fmt.Fprintln(table)
	}
	if len(r.Starts) > 0 {
		fmt.Fprintf(table, "Start and stop: median of %d (quartiles), ms\n\n", r.Plan.Starts)
		row("server\texec to ready\tto first answer\tidle RSS MB\tdrain, idle\tdrain, busy\tof which work\tanswered")
		for _, s := range r.Starts {
			row("%s\t%s\t%s\t%.1f\t%s\t%.0f\t%.0f\t%d of %d", s.Server, times(s.Ready), times(s.Answer), megabytes(s.IdleMemory),
				times(s.Drain), s.BusyDrain, s.Remaining, s.Answered, s.InFlight)
		}
		fmt.Fprintln(table)
	}
	for i, o := range r.Overload {
		if i == 0 {
			fmt.Fprintf(table, "Overload: a handler that can answer %d/s (%d slots of %s), for %s; callers give up after %s\n\n",
				capacity, slots, workTime, r.Plan.Overload, r.Plan.Patience)
		}
		row("%s, MAX_REQUESTS=%d\tgood/s\tover 1x\tsent\tshed\tgiven up\tp99 ms of good\tpeak RSS MB", o.Protocol, o.Limit)
		for _, p := range o.Points {
			row("%dx\t%.0f\t%.2f\t%d\t%d\t%d\t%.0f\t%.1f", p.Times, p.Good, p.Flat, p.Sent, p.Shed, p.Failed, milliseconds(p.P99), megabytes(p.PeakMemory))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

func ratio(s Spread) string { return fmt.Sprintf("%.2f (%.2f to %.2f)", s.Median, s.Low, s.High) }

func times(s Spread) string { return fmt.Sprintf("%.1f (%.1f to %.1f)", s.Median, s.Low, s.High) }

func megabytes(bytes int64) float64 { return float64(bytes) / float64(1<<20) }
