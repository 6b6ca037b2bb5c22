// Command format puts the files of this checkout into the one form that is
// checked in: go.mod, Go files, BUILD files.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/format/formatter"
)

func main() {
	switch err := run(context.Background(), os.Args[1:], os.Stdout); {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errDirty):
		os.Exit(1)
	default:
		fmt.Fprintf(os.Stderr, "format: %v\n", err)
		os.Exit(2)
	}
}

// errDirty says that a check found something, all of which is printed.
var errDirty = errors.New("files are not in form")

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("format", flag.ContinueOnError)
	flags.SetOutput(out)
	check := flags.Bool("check", false, "change nothing; print what would change, and exit with 1 if there is something")
	flags.Usage = func() {
		fmt.Fprintf(out, "Usage: %s [-- --check]\n\nRuns, in this order:\n", formatter.FixCommand)
		for _, one := range formatter.All() {
			fmt.Fprintf(out, "  %s\n", one.Name())
		}
		fmt.Fprintln(out, "\nFlags:")
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
	if !*check {
		return formatter.Fix(ctx, root, formatter.All())
	}
	clean, err := formatter.Check(ctx, root, formatter.All(), out)
	if err == nil && !clean {
		return errDirty
	}
	return err
}
