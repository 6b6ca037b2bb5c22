// Package command is the command line of the attest program.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/tools/process/attest/provenance"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/push/checkout"
)

// Exit codes of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

const usage = `Usage: ./bazelw run //services/playbook/rest:attest -- --repository=REGISTRY/PATH --output=FOLDER [FLAGS]

Writes NAME.spdx.json, what the image is built from (SPDX), NAME.provenance.json, how (in-toto, SLSA), and of that
NAME.predicate.json, the part that cosign asks for; and prints the commands of cosign that sign the image and attach
them. With --cosign it runs them, after the image was pushed.

`

// misuse is an error in how the program was called.
type misuse struct{ error }

type options struct {
	layout, name, target, sbom string

	repository, output, builder, invocation string
	cosign                                  bool
}

// Run does what the arguments say and returns the exit code.
func Run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, getenv, stdout)
	if err == nil {
		err = o.attest(ctx, getenv, stdout, stderr)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &misuse{}):
		fmt.Fprintf(stderr, "attest: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "attest: %v\n", err)
	return exitFailed
}

func parse(args []string, getenv func(string) string, stdout io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("attest", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.layout, "layout", "", "the `folder` that the image target builds (set by the target)")
	flags.StringVar(&o.name, "name", "", "last `part` of the repository, as playbook-grpc (set by the target)")
	flags.StringVar(&o.target, "target", "", "the `label` of the image (set by the target)")
	flags.StringVar(&o.sbom, "sbom", "", "the `file` with the bill of materials (set by the target)")
	flags.StringVar(&o.repository, "repository", "", "`registry/path` that the image was pushed under")
	flags.StringVar(&o.output, "output", "", "the `folder` to write to")
	flags.StringVar(&o.builder, "builder", "urn:soketsugo:unknown", "a `URI` of who builds, such as that of a workflow")
	flags.StringVar(&o.invocation, "invocation", "", "a `URI` of this run of the builder")
	flags.BoolVar(&o.cosign, "cosign", false, "run cosign, which must be on the PATH and have a key or an identity")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			flags.SetOutput(stdout)
			flags.PrintDefaults()
			return nil, err
		}
		return nil, misuse{err}
	}
	switch {
	case flags.NArg() > 0:
		return nil, misuse{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	case o.layout == "" || o.name == "" || o.target == "" || o.sbom == "":
		return nil, misuse{errors.New("call the program through its targets, such as //services/playbook/rest:attest")}
	case o.repository == "":
		return nil, misuse{errors.New("--repository is missing: give the registry and the path that the image was pushed under")}
	case o.output == "":
		return nil, misuse{errors.New("--output is missing: give the folder to write to")}
	}
	if !filepath.IsAbs(o.output) {
		o.output = filepath.Join(getenv("BUILD_WORKING_DIRECTORY"), o.output)
	}
	return &o, nil
}

func (o *options) attest(ctx context.Context, getenv func(string) string, stdout, stderr io.Writer) error {
	directory, err := imagedir.Open(o.layout)
	if err != nil {
		return err
	}
	commit, err := checkout.Read(ctx, getenv("BUILD_WORKSPACE_DIRECTORY"))
	if err != nil {
		return err
	}
	if commit.Dirty {
		return errors.New("files differ from the commit: a statement would name a commit that the image is not built from")
	}
	bill, err := os.ReadFile(o.sbom)
	if err != nil {
		return fmt.Errorf("reading the bill of materials: %w", err)
	}
	image := strings.TrimSuffix(o.repository, "/") + "/" + o.name
	digest := directory.Root().Digest
	statement := provenance.Of(provenance.Build{
		Image: image, Digest: digest.Hex, Target: o.target, Commit: commit,
		Builder: o.builder, Invocation: o.invocation, Finished: time.Now(),
	})
	if err := os.MkdirAll(o.output, 0o755); err != nil {
		return fmt.Errorf("making the folder to write to: %w", err)
	}
	file := func(kind string) string { return filepath.Join(o.output, o.name+"."+kind+".json") }
	if err := write(stdout, file("spdx"), bill); err != nil {
		return err
	}
	for kind, content := range map[string]any{
		"provenance": statement,
		// cosign makes the statement itself.
		"predicate": statement.Predicate,
	} {
		text, err := json.MarshalIndent(content, "", "  ")
		if err != nil {
			return fmt.Errorf("writing the provenance: %w", err)
		}
		if err := write(stdout, file(kind), append(text, '\n')); err != nil {
			return err
		}
	}
	reference := image + "@" + digest.String()
	for _, args := range [][]string{
		{"sign", "--yes", reference},
		{"attest", "--yes", "--type=spdxjson", "--predicate=" + file("spdx"), reference},
		{"attest", "--yes", "--type=slsaprovenance1", "--predicate=" + file("predicate"), reference},
	} {
		fmt.Fprintln(stdout, "cosign", strings.Join(args, " "))
		if !o.cosign {
			continue
		}
		command := exec.CommandContext(ctx, "cosign", args...)
		command.Stdout, command.Stderr = stdout, stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("running cosign %s: %w", args[0], err)
		}
	}
	return nil
}

func write(stdout io.Writer, path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	fmt.Fprintln(stdout, "wrote", path)
	return nil
}
