// Package bazel builds and queries a checkout with a Bazel server of its own.
package bazel

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ofOuterBazel are the prefixes of variables by which a Bazel that runs this
// program would confuse the one that this program runs.
var ofOuterBazel = []string{"TEST_", "XML_OUTPUT_FILE=", "RUNFILES_", "JAVA_RUNFILES=", "BUILD_WORK", "BAZEL", "GO_TEST_"}

// A Server is a Bazel server for one checkout.
type Server struct {
	checkout   string
	outputBase string
	flags      []string
	execution  string
}

// New returns a server that is not yet started. Everything that Bazel writes
// goes to outputBase, and into the disk cache unless flags say otherwise.
func New(checkout, outputBase string, flags ...string) *Server {
	return &Server{
		checkout:   checkout,
		outputBase: outputBase,
		// No links in the checkout, and no linters: what is compared are results. They are
		// read here, so that they may not stay in a remote cache.
		flags: append([]string{"--symlink_prefix=/", "--norun_validations", "--remote_download_outputs=toplevel", "--color=no", "--curses=no"}, flags...),
	}
}

// An Output is a target and the file that it makes.
type Output struct {
	// Label is the target's; in the place of an alias, of what that stands for.
	Label string
	// File is the file's absolute path; it is there once it was built.
	File string
}

// outputExpression prints a target's label and files, separated by tabs.
const outputExpression = `"\t".join([str(target.label)] + ([file.path for file in target.files.to_list()] if hasattr(target, "files") else []))`

// Outputs finds the targets that a query expression names, so that no list of
// them can go stale. Each of them must make one file.
func (s *Server) Outputs(ctx context.Context, expression string) ([]Output, error) {
	labels, err := s.lines(ctx, "query", []string{expression})
	if err != nil || len(labels) == 0 {
		return nil, err
	}
	files, err := s.Files(ctx, "set("+strings.Join(labels, " ")+")")
	if err != nil {
		return nil, err
	}
	var outputs []Output
	for _, label := range slices.Sorted(maps.Keys(files)) {
		if len(files[label]) != 1 {
			return nil, fmt.Errorf("looking for the output of %s: want one file, found %q", label, files[label])
		}
		outputs = append(outputs, Output{Label: label, File: files[label][0]})
	}
	return outputs, nil
}

// Files returns the absolute paths of the files of each target that a cquery
// expression names, by label. A target with several configurations has the
// files of all.
func (s *Server) Files(ctx context.Context, expression string) (map[string][]string, error) {
	lines, err := s.Configured(ctx, expression, "--output=starlark", "--starlark:expr="+outputExpression)
	if err != nil {
		return nil, err
	}
	root, err := s.executionRoot(ctx)
	if err != nil {
		return nil, err
	}
	files := map[string][]string{}
	for _, line := range lines {
		fields := strings.Split(line, "\t")
		label := Label(fields[0])
		found := files[label]
		for _, file := range fields[1:] {
			if path := filepath.Join(root, file); !slices.Contains(found, path) {
				found = append(found, path)
			}
		}
		files[label] = found
	}
	return files, nil
}

// Label brings a label of this repository into its shortest form.
func Label(label string) string {
	if rest, ok := strings.CutPrefix(label, "@@//"); ok {
		return "//" + rest
	}
	if rest, ok := strings.CutPrefix(label, "@//"); ok {
		return "//" + rest
	}
	return label
}

// Build builds outputs.
func (s *Server) Build(ctx context.Context, outputs []Output) error {
	args := slices.Clone(s.flags)
	for _, output := range outputs {
		args = append(args, output.Label)
	}
	_, err := s.run(ctx, "build", args...)
	return err
}

// Query returns the lines that `bazel query` prints.
func (s *Server) Query(ctx context.Context, expression string, flags ...string) ([]string, error) {
	return s.lines(ctx, "query", append(flags, expression))
}

// Configured returns the lines that `bazel cquery` prints, with the flags that
// the build has.
func (s *Server) Configured(ctx context.Context, expression string, flags ...string) ([]string, error) {
	return s.lines(ctx, "cquery", slices.Concat(s.flags, flags, []string{expression}))
}

func (s *Server) lines(ctx context.Context, command string, args []string) ([]string, error) {
	output, err := s.run(ctx, command, args...)
	if err != nil || output == "" {
		return nil, err
	}
	return strings.Split(output, "\n"), nil
}

func (s *Server) executionRoot(ctx context.Context) (string, error) {
	if s.execution == "" {
		root, err := s.run(ctx, "info", append(slices.Clone(s.flags), "execution_root")...)
		if err != nil {
			return "", err
		}
		s.execution = root
	}
	return s.execution, nil
}

// Shutdown ends the server; what it wrote serves the next one.
func (s *Server) Shutdown(ctx context.Context) error {
	_, err := s.run(ctx, "shutdown")
	return err
}

// Remove ends the server and removes what it wrote.
func (s *Server) Remove(ctx context.Context) error {
	_, err := s.run(ctx, "clean", "--expunge")
	return err
}

// run runs one Bazel command and returns what it printed, without the spaces
// around it.
func (s *Server) run(ctx context.Context, command string, args ...string) (string, error) {
	// Should this program be killed, the server ends by itself soon after.
	args = slices.Concat([]string{"--output_base=" + s.outputBase, "--max_idle_secs=60", command}, args)
	process := exec.CommandContext(ctx, filepath.Join(s.checkout, "bazelw"), args...)
	process.Dir = s.checkout
	process.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return slices.ContainsFunc(ofOuterBazel, func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
	})
	// A killed client leaves its build running; an interrupted one ends it.
	process.Cancel = func() error { return process.Process.Signal(os.Interrupt) }
	var output, messages bytes.Buffer
	process.Stdout, process.Stderr = &output, &messages
	if err := process.Run(); err != nil {
		return "", fmt.Errorf("running ./bazelw %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(messages.Bytes()))
	}
	return strings.TrimSpace(output.String()), nil
}
