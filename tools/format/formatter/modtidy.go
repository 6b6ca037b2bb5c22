package formatter

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
)

// goProgram is its place among the runfiles. Bazel sets it.
var goProgram string

// ModTidy brings the go.mod and go.sum of each module in line with the imports of
// its packages.
type ModTidy struct{}

var _ Formatter = ModTidy{}

// Name is part of Formatter.
func (ModTidy) Name() string { return "go mod tidy" }

// Fix is part of Formatter.
func (ModTidy) Fix(ctx context.Context, root string, files []string) error {
	program, err := locate(goProgram)
	if err != nil {
		return err
	}
	// The go command finds the rest of its installation beside itself.
	program, err = filepath.EvalSymlinks(program)
	if err != nil {
		return fmt.Errorf("finding the go command: %w", err)
	}
	for _, file := range files {
		if path.Base(file) != "go.mod" {
			continue
		}
		folder := filepath.Join(root, filepath.FromSlash(path.Dir(file)))
		if err := run(ctx, folder, []string{"GOTOOLCHAIN=local", "GOWORK=off"}, program, "mod", "tidy"); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}
