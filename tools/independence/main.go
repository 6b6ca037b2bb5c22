// Command independence shows that a change to one process leaves the images of
// the others as they are, and that soketsugo's answers about changes are right.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/independence/experiment"
)

const usage = `Usage: ./bazelw run //tools/independence [-- --no-cache]

Copies the checkout into another folder, changes one layer at a time there, and
compares the digests of all images before and after, and what affected and why
say. Exits with 1 if an image changed that must not, or did not change and must,
or if an answer is wrong.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, experiment.ErrSurprise):
		fmt.Fprintf(os.Stderr, "independence: %v\n", err)
		os.Exit(1)
	default:
		fmt.Fprintf(os.Stderr, "independence: %v\n", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("independence", flag.ContinueOnError)
	flags.SetOutput(out)
	noCache := flags.Bool("no-cache", false,
		"instead, build everything twice, in two folders, the second time without any cache, and compare (takes minutes)")
	flags.Usage = func() {
		fmt.Fprint(out, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q: see --help", flags.Args())
	}
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	if *noCache {
		return experiment.Reproduce(ctx, root, out)
	}
	return experiment.Run(ctx, root, experiment.Changes(), out)
}
