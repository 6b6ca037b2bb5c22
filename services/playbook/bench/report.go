package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// report is what was measured.
type report struct {
	Results []result `json:"results"`
}

// result compares the two sides in one thing.
type result struct {
	Kind    string `json:"kind"`
	Clients int    `json:"clients"`
	Service side   `json:"service"`
	Direct  side   `json:"direct"`
	// Ratio is the service's operations per second to those of pgx.
	Ratio float64 `json:"ratio"`
}

// side is what one of them reached.
type side struct {
	PerSecond float64 `json:"per_second"`
	P99       float64 `json:"p99_milliseconds"`
}

func newResult(kind string, clients int, service, direct *sample) result {
	return result{
		Kind: kind, Clients: clients,
		Service: side{PerSecond: service.perSecond(), P99: service.p99()},
		Direct:  side{PerSecond: direct.perSecond(), P99: direct.p99()},
		Ratio:   service.perSecond() / direct.perSecond(),
	}
}

// write prints the report as a table.
func (r *report) write(out io.Writer) error {
	fmt.Fprintln(out, "Use cases of the playbook service, and the same statements sent with pgx. A read is one playbook, a")
	fmt.Fprintf(out, "write one enrolment with its first task, a claim up to %d tasks. PostgreSQL runs on this machine.\n\n", claimed)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tclients\tservice/s\tp99 ms\tpgx/s\tp99 ms\tratio\t")
	for _, result := range r.Results {
		fmt.Fprintf(table, "%s\t%d\t%.0f\t%.2f\t%.0f\t%.2f\t%.2f\t\n", result.Kind, result.Clients,
			result.Service.PerSecond, result.Service.P99, result.Direct.PerSecond, result.Direct.P99, result.Ratio)
	}
	return table.Flush()
}
