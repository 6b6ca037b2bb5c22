package experiment

import (
	"context"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/bench/load"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/target"
)

// Throughput is what a bare and a full server can answer.
type Throughput struct {
	Protocol   string
	Bare, Full Answers
	// Ratio is full over bare in requests per second, and CPURatio bare over full
	// in computing time per request: both are 1 when the full server costs
	// nothing. The second does not depend on whether the client could have sent
	// more.
	Ratio, CPURatio Spread
	// Counted is how many requests the full server has counted, and Sent how many
	// it was sent.
	Counted, Sent int
}

// Answers is what one server answered.
type Answers struct {
	PerSecond Spread
	P50, P99  time.Duration
	// CPU is the server's computing time per request in microseconds, and Busy the
	// part of the time that it computed.
	CPU, Busy Spread
	// PeakMemory is in bytes.
	PeakMemory int64
}

// MeasureThroughput alternates between a bare and a full server, so that whatever
// else the machine does falls on both.
func (b *Bench) MeasureThroughput(ctx context.Context, protocol Protocol, pin target.Pinning) (*Throughput, error) {
	b.Say("%s: throughput, %d rounds of %s for each server", protocol.Name, b.Plan.Rounds, b.Plan.Round)
	bare, err := b.start(ctx, protocol, protocol.bare, pin)
	if err != nil {
		return nil, err
	}
	defer bare.Close()
	full, err := b.start(ctx, protocol, protocol.full, pin)
	if err != nil {
		return nil, err
	}
	defer full.Close()
	t := &Throughput{Protocol: protocol.Name}
	var ofBare, ofFull rounds
	for _, server := range []*running{bare, full} {
		warmUp := server.Closed(ctx, protocol.echo, concurrency, b.Plan.WarmUp)
		if err := whole(ctx, protocol.Name+", warm-up", warmUp); err != nil {
			return nil, err
		}
		t.Sent = warmUp.Sent
	}
	var ratios, cpuRatios []float64
	for i := range b.Plan.Rounds {
		// Whoever comes second may find the machine warmer.
		order := []*rounds{&ofBare, &ofFull}
		servers := []*running{bare, full}
		if i%2 == 1 {
			order[0], order[1] = order[1], order[0]
			servers[0], servers[1] = servers[1], servers[0]
		}
		for j, server := range servers {
			if err := order[j].measure(ctx, b.Plan.Round, server, protocol.echo); err != nil {
				return nil, fmt.Errorf("%s: %w", protocol.Name, err)
			}
		}
		ratios = append(ratios, ofFull.perSecond[i]/ofBare.perSecond[i])
		if ofFull.cpu[i] > 0 {
			cpuRatios = append(cpuRatios, ofBare.cpu[i]/ofFull.cpu[i])
		}
	}
	t.Ratio, t.CPURatio = spread(ratios), spread(cpuRatios)
	t.Bare, t.Full = ofBare.answers(bare), ofFull.answers(full)
	t.Sent += ofFull.all.Sent
	if t.Counted, err = full.Count(ctx, "requests_total"); err != nil {
		return nil, err
	}
	for _, server := range []*running{bare, full} {
		server.client.Close()
		if _, err := server.Stop(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// rounds are the rounds of one server.
type rounds struct {
	perSecond, cpu, busy []float64
	all                  load.Result
}

func (r *rounds) measure(ctx context.Context, duration time.Duration, server *running, method string) error {
	before := server.CPU()
	result := server.Closed(ctx, method, concurrency, duration)
	used := server.CPU() - before
	if err := whole(ctx, "throughput", result); err != nil {
		return err
	}
	r.perSecond = append(r.perSecond, result.PerSecond())
	r.cpu = append(r.cpu, float64(used.Nanoseconds())/1e3/float64(result.Sent))
	r.busy = append(r.busy, used.Seconds()/result.Took.Seconds())
	r.all.Merge(result)
	return server.ForgetLog()
}

func (r *rounds) answers(server *running) Answers {
	_, peak := server.Memory()
	return Answers{
		PerSecond: spread(r.perSecond), P50: r.all.Quantile(.5), P99: r.all.Quantile(.99),
		CPU: spread(r.cpu), Busy: spread(r.busy), PeakMemory: peak,
	}
}
