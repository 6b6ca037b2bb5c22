package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// report is what was measured. Times are medians.
type report struct {
	Runs   []comparison `json:"runs"`
	Crowds []crowd      `json:"crowds"`
}

// comparison compares the engines on one number of files.
type comparison struct {
	Files        int                `json:"files"`
	Kind         string             `json:"kind"`
	Rounds       int                `json:"rounds"`
	Milliseconds map[string]float64 `json:"milliseconds"`
}

// crowd compares many runners with one.
type crowd struct {
	Files   int     `json:"files"`
	Rounds  int     `json:"rounds"`
	Engine  string  `json:"engine"`
	Runners int     `json:"runners"`
	One     float64 `json:"one_milliseconds"`
	All     float64 `json:"all_milliseconds"`
	Ratio   float64 `json:"ratio"`
}

// write prints the report as tables.
func (r *report) write(out io.Writer) error {
	fmt.Fprintln(out, "Milliseconds from reading the files to the closed connection, medians. PostgreSQL runs on this")
	fmt.Fprintln(out, "machine, and what is committed is on its disk.")
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	engines := engines()
	fmt.Fprint(table, "files\trun\trounds\t")
	for _, engine := range engines {
		fmt.Fprintf(table, "%s\t", engine.name)
	}
	for _, other := range engines[1:] {
		fmt.Fprintf(table, "to %s\t", other.name)
	}
	fmt.Fprintln(table)
	for _, c := range r.Runs {
		fmt.Fprintf(table, "%d\t%s\t%d\t", c.Files, c.Kind, c.Rounds)
		for _, engine := range engines {
			fmt.Fprintf(table, "%.1f\t", c.Milliseconds[engine.name])
		}
		for _, other := range engines[1:] {
			fmt.Fprintf(table, "%.2f\t", c.Milliseconds[engines[0].name]/c.Milliseconds[other.name])
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nMany runners at once on an empty database: the time until all of them are done.")
	fmt.Fprintln(out)
	fmt.Fprintln(table, "files\tengine\trounds\trunners\tone runner\tall runners\tratio\t")
	for _, c := range r.Crowds {
		fmt.Fprintf(table, "%d\t%s\t%d\t%d\t%.1f\t%.1f\t%.2f\t\n", c.Files, c.Engine, c.Rounds, c.Runners, c.One, c.All, c.Ratio)
	}
	return table.Flush()
}
