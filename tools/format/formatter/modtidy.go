package formatter

import (
	"context"
	"fmt"
	"path/filepath"
)

// goProgram is its place among the runfiles. Bazel sets it.
var goProgram string

// ModTidy brings go.mod and go.sum in line with the imports of all packages.
type ModTidy struct{}

var _ Formatter = ModTidy{}

// Name is part of Formatter.
func (ModTidy) Name() string { return "go mod tidy" }

// Fix is part of Formatter.
func (ModTidy) Fix(ctx context.Context, root string, _ []string) error {
	program, err := locate(goProgram)
	if err != nil {
		return err
	}
	// The go command finds the rest of its installation beside itself.
	program, err = filepath.EvalSymlinks(program)
	if err != nil {
		return fmt.Errorf("finding the go command: %w", err)
	}
	return run(ctx, root, []string{"GOTOOLCHAIN=local", "GOWORK=off"}, program, "mod", "tidy")
}
