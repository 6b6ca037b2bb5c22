// Command bench measures the playbook service's use cases on PostgreSQL, beside
// the same statements sent with pgx directly.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
)

const usage = `bench: reads playbooks, enrols contacts and claims tasks with 1, 8 and 64 clients,
through the use cases and with pgx directly, and prints requests per second, the
99th percentile and ratios. It starts a PostgreSQL of its own. Takes about two
minutes.

  ./bazelw run //services/playbook/bench

`

// Exit codes.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130
)

type options struct{ quick, json bool }

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parseOptions(os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		return exitUsage
	}
	err = measure(ctx, o, os.Stdout)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "bench: interrupted")
		return exitInterrupted
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		return exitFailure
	}
	return 0
}

// parseOptions returns flag.ErrHelp when help was asked for and printed.
func parseOptions(args []string, output io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	// Mistakes are printed by the caller, in one line; --help goes to output.
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.BoolVar(&o.quick, "quick", false, "measure for seconds, to see that all of it works; the figures mean little then")
	flags.BoolVar(&o.json, "json", false, "print the report as JSON")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(output, usage)
			flags.SetOutput(output)
			flags.PrintDefaults()
			return options{}, err
		}
		return options{}, fmt.Errorf("%w; --help lists the flags", err)
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("%q is not a flag; --help lists them", flags.Arg(0))
	}
	return o, nil
}

// measure measures on a server of its own, and prints the report.
func measure(ctx context.Context, o options, out io.Writer) error {
	// As real servers are: what is committed is on disk.
	server, err := postgrestest.Start(ctx, "fsync=on", "synchronous_commit=on", "full_page_writes=on")
	if err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	defer server.Stop()
	const name = "bench"
	databaseURL, err := server.Create(ctx, name)
	if err != nil {
		return err
	}
	plan := normalPlan
	if o.quick {
		plan = quickPlan
	}
	begin := time.Now()
	report, err := plan.measure(ctx, databaseURL, func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "bench: %5.1fs: %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	})
	if err != nil {
		return err
	}
	if o.json {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	return report.write(out)
}
