// Package bazel builds the images of a checkout with a Bazel server of its own.
package bazel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	images     []image
}

// image is where the digest of the image of a process can be found.
type image struct {
	process string
	label   string
	file    string
}

// New returns a server that is not yet started. Everything that Bazel writes
// goes to outputBase, and into the disk cache unless flags say otherwise.
func New(checkout, outputBase string, flags ...string) *Server {
	return &Server{
		checkout:   checkout,
		outputBase: outputBase,
		// No links in the checkout, and no linters: what is compared are images.
		flags: append([]string{"--symlink_prefix=/", "--norun_validations", "--color=no", "--curses=no"}, flags...),
	}
}

// Digests builds the images of all processes and returns their digests by
// process, such as "playbook/rest".
func (s *Server) Digests(ctx context.Context) (map[string]string, error) {
	if s.images == nil {
		if err := s.findImages(ctx); err != nil {
			return nil, err
		}
	}
	var labels []string
	for _, image := range s.images {
		labels = append(labels, image.label)
	}
	if _, err := s.run(ctx, "build", append(slices.Clone(s.flags), labels...)...); err != nil {
		return nil, err
	}
	digests := map[string]string{}
	for _, image := range s.images {
		digest, err := os.ReadFile(image.file)
		if err != nil {
			return nil, fmt.Errorf("reading the digest of %s: %w", image.process, err)
		}
		digests[image.process] = strings.TrimSpace(string(digest))
	}
	return digests, nil
}

// findImages asks Bazel for the images, so that no list of them can go stale.
func (s *Server) findImages(ctx context.Context) error {
	found, err := s.run(ctx, "query", `filter(":image\.digest$", //services/...)`)
	if err != nil {
		return err
	}
	if found == "" {
		return errors.New("looking for images: no target //services/...:image.digest")
	}
	executionRoot, err := s.run(ctx, "info", append(slices.Clone(s.flags), "execution_root")...)
	if err != nil {
		return err
	}
	for label := range strings.SplitSeq(found, "\n") {
		file, err := s.run(ctx, "cquery", append(slices.Clone(s.flags), "--output=files", label)...)
		if err != nil {
			return err
		}
		process := strings.TrimSuffix(strings.TrimPrefix(label, "//services/"), ":image.digest")
		s.images = append(s.images, image{process: process, label: label, file: filepath.Join(executionRoot, file)})
	}
	return nil
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
