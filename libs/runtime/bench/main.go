// Command bench measures what libs/runtime costs: full servers beside bare ones,
// on the same machine in the same run.
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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/bench/experiment"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/serve"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/target"
)

const usage = `bench: measures servers made with libs/runtime beside bare grpc-go and bare
net/http with gorilla/mux, and prints ratios. Takes about three minutes.

  ./bazelw run //libs/runtime/bench
  ./bazelw run //libs/runtime/bench -- --only=http

`

// Exit codes.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// parts are the values of --only.
var parts = []string{"start", "grpc", "http", "overload"}

type options struct {
	quick, json    bool
	only, profiles string
}

func main() { os.Exit(run()) }

func run() int {
	if os.Getenv(serve.KindVariable) != "" {
		// We are one of the servers that another bench measures.
		return serve.Run()
	}
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
	report, err := measure(ctx, o)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "bench: interrupted")
		return exitInterrupted
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		return exitFailure
	case o.json:
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	default:
		err = report.Write(os.Stdout)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: writing the report: %v\n", err)
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
	flags.StringVar(&o.only, "only", "", "measure one `part`: "+strings.Join(parts, ", "))
	flags.StringVar(&o.profiles, "profiles", "", "a `folder` for CPU profiles of the servers, such as full-grpc.pprof; use it with --only=grpc or http")
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
	if o.only != "" && !slices.Contains(parts, o.only) {
		return options{}, fmt.Errorf("--only is %q; it takes one of %s", o.only, strings.Join(parts, ", "))
	}
	return o, nil
}

// measure runs the experiments that were asked for.
func measure(ctx context.Context, o options) (*experiment.Report, error) {
	folder, err := os.MkdirTemp("", "soketsugo-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for logs: %w", err)
	}
	defer os.RemoveAll(folder)
	bench := &experiment.Bench{Plan: experiment.FullPlan, Folder: folder, Profiles: o.profiles}
	if o.quick {
		bench.Plan = experiment.QuickPlan
	}
	begin := time.Now()
	bench.Say = func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "bench: %5.1fs: %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}
	wanted := func(part string) bool { return o.only == "" || o.only == part }
	report := &experiment.Report{Plan: bench.Plan}
	// Starts come first: they are measured without pinning, as processes start in
	// a container.
	for _, protocol := range experiment.Protocols() {
		if wanted("start") {
			starts, err := bench.MeasureStart(ctx, protocol)
			if err != nil {
				return nil, err
			}
			report.Starts = append(report.Starts, starts...)
		}
	}
	pin, release := target.Pin()
	defer release()
	report.Pinning = pin.String()
	for _, protocol := range experiment.Protocols() {
		if wanted(protocol.Name) {
			throughput, err := bench.MeasureThroughput(ctx, protocol, pin)
			if err != nil {
				return nil, err
			}
			report.Throughput = append(report.Throughput, throughput)
		}
	}
	for _, protocol := range experiment.Protocols() {
		if wanted("overload") {
			overload, err := bench.MeasureOverload(ctx, protocol, pin)
			if err != nil {
				return nil, err
			}
			report.Overload = append(report.Overload, overload...)
		}
	}
	return report, nil
}
