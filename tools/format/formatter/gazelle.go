package formatter

import (
	"context"
	"fmt"
	"strings"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// gazelleProgram is its place among the runfiles, and after it those of the
// files that belong to it. Bazel sets it.
var gazelleProgram string

// Gazelle writes what Go sources say into BUILD files. It runs //:gazelle, so
// that it does what `./bazelw run //:gazelle` does.
type Gazelle struct{}

var _ Formatter = Gazelle{}

// Name is part of Formatter.
func (Gazelle) Name() string { return "gazelle" }

// Fix is part of Formatter.
func (Gazelle) Fix(ctx context.Context, root string, _ []string) error {
	program, _, _ := strings.Cut(gazelleProgram, " ")
	program, err := locate(program)
	if err != nil {
		return err
	}
	environment, err := runfiles.Env()
	if err != nil {
		return fmt.Errorf("finding the runfiles: %w", err)
	}
	environment = append(environment, "BUILD_WORKSPACE_DIRECTORY="+root)
	return run(ctx, root, environment, program)
}
