// Package command is the command line of the deploy program.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/tools/deploy/cluster"
	"github.com/soketsugo/soketsugo/tools/manifests/environment"
)

// Exit codes of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// How bazel run tells where the checkout is, and where it was called.
const (
	workspaceVariable = "BUILD_WORKSPACE_DIRECTORY"
	workingVariable   = "BUILD_WORKING_DIRECTORY"
)

const usage = `Usage: ./bazelw run //services/playbook/rest:staging.VERB -- [FLAGS]    one process
       ./bazelw run //k8s:staging.VERB -- [FLAGS]                       all processes

  render   print the manifests with the digests of the images
  diff     print how the cluster would change
  apply    push the images, apply the manifests, wait until everything runs, and note it in the environment's lock file

       ./bazelw run //k8s:export -- FOLDER                      write the manifests of all processes and environments;
                                                                export_argocd and export_flux for those two
       ./bazelw run //:push_all -- --repository=REGISTRY/PATH   push the images only;
                                                                //services/playbook/rest:push -- --help lists the flags

apply brings Jobs to their end before it touches the servers. Of what fails it shows the pods, the last events and the
last lines, and exits with 1. 2 means that the call was wrong, or refused.

`

// misuse is an error in how the program was called.
type misuse struct{ error }

// A process is one of those to deploy.
type process struct {
	// name is that of its folder, as playbook/rest.
	name string
	// manifest is the file with its rendered manifest, layout the folder of its
	// image.
	manifest string
	layout   string
}

type options struct {
	verb        string
	environment string
	processes   []process
	folder      string
	ofPush      []string

	kubeconfig string
	context    string
	kubectl    string
	yes        bool
	dryRun     bool
	noPush     bool
	force      bool
	timeout    time.Duration
}

// A run is one call of the program.
type run struct {
	options
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// Run does what the arguments say and returns the exit code.
func Run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	r := run{getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	err := r.parse(args)
	if err == nil {
		err = r.do(ctx)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &misuse{}):
		fmt.Fprintf(stderr, "deploy: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "deploy: %v\n", err)
	return exitFailed
}

func (r *run) parse(args []string) error {
	flags := flag.NewFlagSet("deploy", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&r.environment, "environment", "", "the environment's `file` (set by the target)")
	flags.Func("process", "`NAME=MANIFEST,LAYOUT` of a process (set by the target); may be repeated", func(value string) error {
		name, files, _ := strings.Cut(value, "=")
		manifest, layout, _ := strings.Cut(files, ",")
		if name == "" {
			return errors.New("want NAME=MANIFEST,LAYOUT")
		}
		r.processes = append(r.processes, process{name: name, manifest: manifest, layout: layout})
		return nil
	})
	flags.StringVar(&r.kubeconfig, "kubeconfig", r.getenv("KUBECONFIG"), "the kubeconfig `file`; by default what $KUBECONFIG names")
	flags.StringVar(&r.context, "context", "", "the `context` of the kubeconfig, one of those that the environment's file names")
	flags.StringVar(&r.kubectl, "kubectl", "kubectl", "the kubectl `program`")
	flags.BoolVar(&r.yes, "yes", false, "do not ask, where the environment's file says that apply asks")
	flags.BoolVar(&r.dryRun, "dry-run", false, "apply: let registry and cluster say what would change, and change nothing")
	flags.BoolVar(&r.noPush, "no-push", false, "apply: push nothing, because the cluster has the images already")
	flags.BoolVar(&r.force, "force-conflicts", false, "apply, diff: take over fields that somebody else has set to something else")
	flags.DurationVar(&r.timeout, "timeout", 30*time.Minute, "apply: how `long` to wait; for a long migration more")
	help := func() error {
		fmt.Fprint(r.stdout, usage)
		flags.SetOutput(r.stdout)
		flags.PrintDefaults()
		return flag.ErrHelp
	}
	if len(args) == 0 {
		return misuse{errors.New("no command: see --help")}
	}
	r.verb = args[0]
	if r.verb == "--help" || r.verb == "-h" || r.verb == "-help" {
		return help()
	}
	own := args[1:]
	if r.verb == "push" {
		// All but the processes are for push.
		isOwn := func(arg string) bool { return strings.HasPrefix(arg, "--process=") }
		r.ofPush = slices.DeleteFunc(slices.Clone(own), isOwn)
		own = slices.DeleteFunc(slices.Clone(own), func(arg string) bool { return !isOwn(arg) })
	}
	if err := flags.Parse(own); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return help()
		}
		return misuse{err}
	}
	rest := flags.Args()
	switch {
	case !slices.Contains([]string{"render", "diff", "apply", "push", "export"}, r.verb):
		return misuse{fmt.Errorf("unknown command %q: see --help", r.verb)}
	case r.verb == "export" && len(rest) == 1:
		r.folder = r.path(rest[0])
		rest = nil
	case r.verb == "export" && len(rest) == 0:
		return misuse{errors.New("export: give the folder to write to, after --")}
	case r.verb != "export" && r.verb != "push" && r.environment == "":
		return misuse{errors.New("--environment is missing: call the program through its targets")}
	}
	if len(rest) > 0 {
		return misuse{fmt.Errorf("unexpected argument %q", rest[0])}
	}
	if len(r.processes) == 0 {
		return misuse{errors.New("--process is missing: call the program through its targets")}
	}
	return nil
}

// path makes a path absolute that was meant where bazel run was called.
func (r *run) path(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.getenv(workingVariable), path)
}

func (r *run) do(ctx context.Context) error {
	switch r.verb {
	case "render":
		return r.render()
	case "export":
		return r.export()
	case "push":
		return r.pushAll(ctx)
	}
	content, err := os.ReadFile(r.environment)
	if err != nil {
		return fmt.Errorf("reading the environment: %w", err)
	}
	to, err := environment.Parse(strings.TrimSuffix(filepath.Base(r.environment), ".yaml"), content)
	if err != nil {
		return err
	}
	c, err := r.cluster(to)
	if err != nil {
		return err
	}
	if r.verb == "diff" {
		return r.diff(ctx, c)
	}
	if err := r.confirm(ctx, to, c); err != nil {
		return err
	}
	return r.apply(ctx, to, c)
}

// cluster returns the cluster that the flags name, if the environment may go
// there.
func (r *run) cluster(to environment.Environment) (cluster.Cluster, error) {
	switch {
	case r.kubeconfig == "":
		return cluster.Cluster{}, misuse{errors.New("which cluster: give --kubeconfig, or set KUBECONFIG")}
	case strings.Contains(r.kubeconfig, string(filepath.ListSeparator)):
		return cluster.Cluster{}, misuse{fmt.Errorf("KUBECONFIG names several files, %q: give one with --kubeconfig", r.kubeconfig)}
	case r.context == "":
		return cluster.Cluster{}, misuse{fmt.Errorf("which cluster: give --context; %s has %s", to.Name, strings.Join(to.Contexts, ", "))}
	case !slices.Contains(to.Contexts, r.context):
		return cluster.Cluster{}, misuse{fmt.Errorf("context %q is none of %s, which has %s: see its file in k8s/environments",
			r.context, to.Name, strings.Join(to.Contexts, ", "))}
	}
	return cluster.Cluster{
		Program:    r.kubectl,
		Kubeconfig: r.path(r.kubeconfig),
		Context:    r.context,
		Namespace:  to.Namespace,
	}, nil
}
