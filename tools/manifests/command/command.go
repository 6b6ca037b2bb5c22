// Package command is the command line of manifests.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/soketsugo/soketsugo/tools/manifests/environment"
	"github.com/soketsugo/soketsugo/tools/manifests/render"
	"github.com/soketsugo/soketsugo/tools/manifests/settings"
	"github.com/soketsugo/soketsugo/tools/manifests/tree"
	"github.com/soketsugo/soketsugo/tools/manifests/update/folder"
	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

const usage = `Usage: manifests tree   --workload=FILE --binary=FILE --environment=FILE… --output=FOLDER
       manifests render --name=NAME --tree=FOLDER --environment=FILE --digest=FILE [--component=NAME] --output=FILE

tree lays out the manifests of a process for kustomize; render makes the file that is applied.

`

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
)

// options are all flags; each command has some of them.
type options struct {
	workload, binary, name, tree, digest, component, output string
	environments                                            []string
}

// Run does what the arguments say and returns the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, command, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "manifests: %v\n", err)
		return exitUsage
	}
	if err := command(ctx, o); err != nil {
		fmt.Fprintf(stderr, "%v\n", err)
		return exitFailure
	}
	return 0
}

func parse(args []string, stdout io.Writer) (options, func(context.Context, options) error, error) {
	var o options
	flags := flag.NewFlagSet("manifests", flag.ContinueOnError)
	flags.SetOutput(stdout)
	flags.Usage = func() { fmt.Fprint(stdout, usage); flags.PrintDefaults() }
	flags.StringVar(&o.workload, "workload", "", "the `file` that the macro wrote")
	flags.StringVar(&o.binary, "binary", "", "the `file` to ask for settings")
	flags.StringVar(&o.name, "name", "", "the process's `name`, such as playbook-grpc")
	flags.StringVar(&o.tree, "tree", "", "the `folder` that tree wrote")
	flags.StringVar(&o.digest, "digest", "", "the `file` with the image's digest")
	flags.StringVar(&o.component, "component", "", "argocd or flux")
	flags.StringVar(&o.output, "output", "", "where to write to")
	flags.Func("environment", "the `file` of an environment; may be given again", func(value string) error {
		o.environments = append(o.environments, value)
		return nil
	})
	commands := map[string]func(context.Context, options) error{"tree": makeTree, "render": makeManifest}
	if len(args) == 0 || commands[args[0]] == nil {
		if len(args) > 0 && strings.HasPrefix(args[0], "-") {
			if err := flags.Parse(args); err != nil {
				return o, nil, err
			}
		}
		return o, nil, errors.New("take tree or render first; --help says more")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return o, nil, err
	}
	if flags.NArg() > 0 || o.output == "" || len(o.environments) == 0 {
		return o, nil, fmt.Errorf("%s needs --environment and --output, and takes flags only", args[0])
	}
	return o, commands[args[0]], nil
}

func makeTree(ctx context.Context, o options) error {
	content, err := os.ReadFile(o.workload)
	if err != nil {
		return fmt.Errorf("reading the declaration: %w", err)
	}
	w, err := workload.Parse(content)
	if err != nil {
		return err
	}
	var environments []environment.Environment
	for _, file := range o.environments {
		e, err := readEnvironment(file)
		if err != nil {
			return err
		}
		environments = append(environments, e)
	}
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return fmt.Errorf("finding the binary: %w", err)
	}
	files, err := tree.Files(ctx, w, environments, func(ctx context.Context, env map[string]string, secrets []string) (settings.Settings, error) {
		return settings.Read(ctx, binary, env, secrets)
	})
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(o.output, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("writing a manifest: %w", err)
		}
	}
	return nil
}

func makeManifest(_ context.Context, o options) error {
	e, err := readEnvironment(o.environments[0])
	if err != nil {
		return err
	}
	digest, err := os.ReadFile(o.digest)
	if err != nil {
		return fmt.Errorf("reading the digest: %w", err)
	}
	files, err := folder.Read(o.tree)
	if err != nil {
		return fmt.Errorf("reading the manifests: %w", err)
	}
	content, err := render.Render(files, render.Options{
		Name: o.name, Environment: e, Component: o.component, Digest: strings.TrimSpace(string(digest)),
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(o.output, content, 0o644); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// readEnvironment takes the environment's name from the file's.
func readEnvironment(file string) (environment.Environment, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return environment.Environment{}, fmt.Errorf("reading an environment: %w", err)
	}
	return environment.Parse(strings.TrimSuffix(filepath.Base(file), ".yaml"), content)
}
