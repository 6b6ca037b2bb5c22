// Package command is the command line of the soketsugo program.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/soketsugo/why"
	"github.com/soketsugo/soketsugo/tools/soketsugo/workshop"
)

// Exit codes of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

const usage = `Usage: ./bazelw run //tools/soketsugo -- COMMAND

  affected --base REV [--json]   which processes would deploy something else than at REV
  affected --env ENV [--json]    which processes would deploy something else than ENV runs by its lock file
  why PROCESS --base REV         the chains from the files that changed to what PROCESS would deploy

A process is named as playbook/rest. What is compared are results, image digests and rendered manifests, of what is in
the checkout now, committed or not. So a comment changes nothing. The first run takes minutes, as it builds in a
folder of its own, with a Bazel server of its own.

Exit codes: 0 done, 1 failed, 2 called wrongly.
`

// misuse is an error in how the program was called.
type misuse struct{ error }

// Run runs the command that the arguments name and returns the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := run(ctx, args, stdout)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitDone
	}
	fmt.Fprintf(stderr, "soketsugo: %v\n", err)
	if errors.As(err, &misuse{}) {
		return exitUsage
	}
	return exitFailed
}

type options struct {
	verb        string
	process     string
	base        string
	environment string
	json        bool
}

func parse(args []string) (*options, error) {
	var o options
	flags := flag.NewFlagSet("soketsugo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.base, "base", "", "")
	flags.StringVar(&o.environment, "env", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	// Flags may stand before, between and behind the words.
	var words []string
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, misuse{err}
		}
		if flags.NArg() == 0 {
			break
		}
		words = append(words, flags.Arg(0))
		args = flags.Args()[1:]
	}
	if len(words) == 0 {
		return nil, misuse{errors.New("no command: see --help")}
	}
	o.verb = words[0]
	switch {
	case o.verb == "help":
		return nil, flag.ErrHelp
	case o.verb == "affected" && len(words) == 1:
		if (o.base == "") == (o.environment == "") {
			return nil, misuse{errors.New("affected: give --base REV or --env ENV, one of them")}
		}
		if strings.ContainsAny(o.environment, `/\`) {
			return nil, misuse{fmt.Errorf("--env %q: want the name of a file in k8s/environments, as staging", o.environment)}
		}
	case o.verb == "why" && len(words) == 2:
		if o.base == "" || o.environment != "" || o.json {
			return nil, misuse{errors.New("why: give --base REV and nothing else")}
		}
		o.process = strings.TrimPrefix(words[1], "//services/")
	case o.verb == "why" && len(words) == 1:
		return nil, misuse{errors.New("why: give a process, as playbook/rest")}
	case o.verb == "affected" || o.verb == "why":
		return nil, misuse{fmt.Errorf("%s: unexpected argument %q", o.verb, words[len(words)-1])}
	default:
		return nil, misuse{fmt.Errorf("unknown command %q: see --help", o.verb)}
	}
	return &o, nil
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	shop, err := workshop.Open(root)
	if err != nil {
		return err
	}
	defer shop.Close()
	if o.verb == "why" {
		explanations, err := shop.Why(ctx, o.process, o.base)
		if err != nil {
			return err
		}
		why.Print(stdout, o.process, explanations)
		return nil
	}
	compare := shop.ByEnvironment
	against := o.environment
	if o.base != "" {
		compare, against = shop.ByRevision, o.base
	}
	report, err := compare(ctx, against)
	if err != nil {
		return err
	}
	if o.json {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	report.Print(stdout)
	return nil
}
