package formatter

import (
	"context"
	"path"
	"slices"
)

// buildifierProgram is its place among the runfiles. Bazel sets it.
var buildifierProgram string

// Buildifier formats Bazel's files, and wants them free of warnings. The
// warnings are buildifier's default ones, which is all but the order of
// dictionaries: ours are sometimes ordered by meaning. A comment excuses a line:
// "# buildifier: disable=WARNING".
type Buildifier struct{}

var _ Formatter = Buildifier{}

// Name is part of Formatter.
func (Buildifier) Name() string { return "buildifier" }

// Fix is part of Formatter.
func (Buildifier) Fix(ctx context.Context, root string, files []string) error {
	program, err := locate(buildifierProgram)
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(slices.Clone(files), func(file string) bool { return !isBazelFile(file) })
	if len(files) == 0 {
		return nil
	}
	fix := append([]string{"-mode=fix", "-lint=fix"}, files...)
	if err := run(ctx, root, nil, program, fix...); err != nil {
		return err
	}
	// Fixing says nothing of the warnings that are left.
	warn := append([]string{"-mode=check", "-lint=warn"}, files...)
	return run(ctx, root, nil, program, warn...)
}

func isBazelFile(file string) bool {
	switch path.Base(file) {
	case "BUILD", "BUILD.bazel", "MODULE.bazel", "WORKSPACE", "WORKSPACE.bazel":
		return true
	}
	return path.Ext(file) == ".bzl"
}
