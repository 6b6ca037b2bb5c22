// Package command is the command line of the soketsugo program.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/soketsugo/affected"
	"github.com/soketsugo/soketsugo/tools/soketsugo/note"
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
  affected --env ENV [--json] [--running REV]
                                 which processes would deploy something else than ENV runs by its lock file, that of
                                 the checkout or that of REV
  why PROCESS --base REV         the chains from the files that changed to what PROCESS would deploy
  note PROCESS --env ENV --branch BRANCH [--remote REMOTE]
                                 commits what an apply has noted of PROCESS in the lock file of ENV to a branch, on top
                                 of what that holds by now

A process is named as playbook/rest. What is compared are results, image digests and rendered manifests, of what is in
the checkout now, committed or not. So a comment changes nothing. The first run takes minutes, as it builds in a
folder of its own, with a Bazel server of its own.

Exit codes: 0 done, 1 failed, 2 called wrongly.
`

// misuse is an error in how the program was called.
type misuse struct{ error }

// Run runs the command that the arguments name and returns the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := run(ctx, args, stdout, stderr)
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
	running     string
	branch      string
	remote      string
	json        bool
}

func parse(args []string) (*options, error) {
	var o options
	flags := flag.NewFlagSet("soketsugo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.base, "base", "", "")
	flags.StringVar(&o.environment, "env", "", "")
	flags.StringVar(&o.running, "running", "", "")
	flags.StringVar(&o.branch, "branch", "", "")
	flags.StringVar(&o.remote, "remote", "origin", "")
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
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	takes, known := map[string][]string{
		"help":     {"base", "env", "running", "json", "branch", "remote"},
		"affected": {"base", "env", "running", "json"},
		"why":      {"base"},
		"note":     {"env", "branch", "remote"},
	}[o.verb]
	if !known {
		return nil, misuse{fmt.Errorf("unknown command %q: see --help", o.verb)}
	}
	for name := range given {
		if !slices.Contains(takes, name) {
			return nil, misuse{fmt.Errorf("%s takes no --%s: see --help", o.verb, name)}
		}
	}
	ofProcess := o.verb == "why" || o.verb == "note"
	switch {
	case o.verb == "help":
		return nil, flag.ErrHelp
	case ofProcess && len(words) == 1:
		return nil, misuse{fmt.Errorf("%s: give a process, as playbook/rest", o.verb)}
	case ofProcess && len(words) > 2, o.verb == "affected" && len(words) > 1:
		return nil, misuse{fmt.Errorf("%s: unexpected argument %q", o.verb, words[len(words)-1])}
	case o.verb == "affected" && (o.base == "") == (o.environment == ""):
		return nil, misuse{errors.New("affected: give --base REV or --env ENV, one of them")}
	case o.running != "" && o.environment == "":
		return nil, misuse{errors.New("affected: --running goes with --env")}
	case o.verb == "why" && o.base == "":
		return nil, misuse{errors.New("why: give --base REV")}
	case o.verb == "note" && (o.environment == "" || o.branch == "" || o.remote == ""):
		return nil, misuse{errors.New("note: give --env ENV and --branch BRANCH")}
	case strings.HasPrefix(o.branch, "-"), strings.HasPrefix(o.remote, "-"):
		return nil, misuse{fmt.Errorf("note: branch %q, remote %q: want names", o.branch, o.remote)}
	case strings.ContainsAny(o.environment, `/\`):
		return nil, misuse{fmt.Errorf("--env %q: want the name of a file in k8s/environments, as staging", o.environment)}
	}
	if ofProcess {
		o.process = strings.TrimPrefix(words[1], "//services/")
	}
	return &o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	if o.verb == "note" {
		return note.Push(ctx, root, o.environment, o.process, note.Target{Remote: o.remote, Branch: o.branch}, time.Second)
	}
	var flags []string
	if o.verb == "why" {
		flags = append(flags, workshop.AllOutputs)
	}
	shop, err := workshop.Open(ctx, root, stderr, flags...)
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
	var report affected.Report
	if o.base != "" {
		report, err = shop.ByRevision(ctx, o.base)
	} else {
		report, err = shop.ByEnvironment(ctx, o.environment, o.running)
	}
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
