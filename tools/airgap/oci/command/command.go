// Package command is the command line of the oci program: one file a subcommand.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
)

const usage = `usage: oci COMMAND [FLAGS]

  image   write the OCI layout of an image made from layers
  index   write the OCI layout of an index of images
  digest  write the digest of a layout into a file
  load    hand a layout to docker, podman or nerdctl, or write the archive they read

oci COMMAND --help lists the flags of a command.
`

// Exit codes of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// misuse is an error in how the program was called.
type misuse struct{ error }

// Run runs the subcommand that the arguments name and returns the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	run := map[string]func(context.Context, []string, io.Writer, io.Writer) error{
		"image":  runImage,
		"index":  runIndex,
		"digest": runDigest,
		"load":   runLoad,
	}[args[0]]
	switch {
	case args[0] == "help" || args[0] == "--help" || args[0] == "-h":
		fmt.Fprint(stdout, usage)
		return exitDone
	case run == nil:
		fmt.Fprintf(stderr, "oci: unknown command %q\n%s", args[0], usage)
		return exitUsage
	}

	err := run(ctx, args[1:], stdout, stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &misuse{}):
		fmt.Fprintf(stderr, "oci %s: %v\n", args[0], err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "oci %s: %v\n", args[0], err)
	return exitFailed
}

// parse reads the flags; every flag in the list of required ones must be there, and nothing may follow.
func parse(flags *flag.FlagSet, args []string, stdout io.Writer, required ...string) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		fmt.Fprintf(stdout, "usage: oci %s [FLAGS]\n", flags.Name())
		flags.PrintDefaults()
		return err
	case err != nil:
		return misuse{err}
	case flags.NArg() > 0:
		return misuse{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, name := range required {
		if !given[name] {
			return misuse{fmt.Errorf("--%s is missing", name)}
		}
	}
	return nil
}

// list is a flag that may be given many times.
type list []string

func (l *list) String() string { return "" }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}
