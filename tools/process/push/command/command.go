// Package command is the command line of the push program.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/push/checkout"
	"github.com/soketsugo/soketsugo/tools/process/push/upload"
)

// Exit codes of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// workspaceVariable is how bazel run tells where the checkout is.
const workspaceVariable = "BUILD_WORKSPACE_DIRECTORY"

type options struct {
	layout     string
	name       string
	repository string
	tags       []string
	json       bool
	dryRun     bool
	insecure   bool
}

// misuse is an error in how the program was called.
type misuse struct{ error }

// Run pushes the image that the arguments name and returns the exit code.
func Run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if err == nil {
		err = o.push(ctx, getenv(workspaceVariable), stdout, stderr)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &misuse{}):
		fmt.Fprintf(stderr, "push: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "push: %v\n", err)
	if remedy := remedy(err); remedy != "" {
		fmt.Fprintf(stderr, "push: %s\n", remedy)
	}
	return exitFailed
}

func parse(args []string, stdout io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("push", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.layout, "layout", "", "the `folder` that the image target builds (set by the push target)")
	flags.StringVar(&o.name, "name", "", "last `part` of the repository, as playbook-grpc (set by the push target)")
	flags.StringVar(&o.repository, "repository", "", "`registry/path` that the image goes under, as registry.example.com/team; the name is added to it")
	flags.Func("tag", "a further `tag`, beside that of the commit; may be repeated", func(tag string) error {
		o.tags = append(o.tags, tag)
		return nil
	})
	flags.BoolVar(&o.json, "json", false, "print the report as one JSON object")
	flags.BoolVar(&o.dryRun, "dry-run", false, "find out what would be uploaded and upload nothing")
	flags.BoolVar(&o.insecure, "insecure", false, "allow plain HTTP to registries that are not on this machine")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, `usage: push --repository=REGISTRY/PATH [FLAGS]    (bazel run //path/to:push -- --repository=...)

Uploads what the registry does not have yet, records the commit beside the image, and points the commit's tag
(12 digits of its hash, with -dirty if files differ from it) and every --tag to the image. The credentials are those
of docker login.

`)
			flags.SetOutput(stdout)
			flags.PrintDefaults()
			return nil, err
		}
		return nil, misuse{err}
	}
	switch {
	case flags.NArg() > 0:
		return nil, misuse{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	case o.layout == "":
		return nil, misuse{errors.New("--layout is missing: give the folder of an image")}
	case o.repository == "":
		return nil, misuse{errors.New("--repository is missing: give the registry and the path that the image goes under, as --repository=registry.example.com/team (after -- in bazel run)")}
	}
	return &o, nil
}

// target checks the repository and the tags.
func (o *options) target(tags []string) (name.Repository, error) {
	full := strings.TrimSuffix(o.repository, "/")
	if o.name != "" {
		full += "/" + o.name
	}
	settings := []name.Option{name.StrictValidation}
	if o.insecure {
		settings = append(settings, name.Insecure)
	}
	repository, err := name.NewRepository(full, settings...)
	if err != nil {
		return name.Repository{}, misuse{fmt.Errorf("repository %q: %w: want registry/path, as registry.example.com/team", full, err)}
	}
	for _, tag := range tags {
		if _, err := name.NewTag(repository.String()+":"+tag, settings...); err != nil {
			return name.Repository{}, misuse{fmt.Errorf("tag %q: want letters, digits, '_', '.' and '-', at most 128 of them", tag)}
		}
	}
	return repository, nil
}

func (o *options) push(ctx context.Context, workspace string, stdout, stderr io.Writer) error {
	start := time.Now()
	if _, err := o.target(o.tags); err != nil {
		return err
	}
	directory, err := imagedir.Open(o.layout)
	if err != nil {
		return err
	}
	tags, commit := o.tags, (*checkout.Commit)(nil)
	switch found, err := checkout.Read(ctx, workspace); {
	case err == nil:
		commit = &found
		tags = append([]string{found.Tag()}, tags...)
	case len(tags) == 0:
		return fmt.Errorf("%w: give the image a tag with --tag", err)
	default:
		fmt.Fprintf(stderr, "push: warning: no commit is recorded: %v\n", err)
	}
	repository, err := o.target(tags)
	if err != nil {
		return err
	}

	settings := upload.Options{
		Repository: repository,
		Tags:       tags,
		Commit:     commit,
		DryRun:     o.dryRun,
		Insecure:   o.insecure,
		Keychain:   authn.DefaultKeychain,
	}
	if !o.json {
		settings.Done = func(step upload.Step) { printStep(stdout, step) }
	}
	steps, err := upload.Push(ctx, directory, settings)
	summary := summarize(repository, directory, commit, steps, o.dryRun, time.Since(start))
	if err != nil {
		if len(steps) > 0 && !o.dryRun {
			err = fmt.Errorf("%w (what was uploaded stays; run it again to go on)", err)
		}
		return err
	}
	if o.json {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(summary)
	}
	summary.print(stdout)
	return nil
}
