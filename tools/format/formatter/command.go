package formatter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// locate finds a program among the runfiles.
func locate(program string) (string, error) {
	if program == "" {
		return "", errors.New("its program is not there: run this with " + FixCommand)
	}
	return runfiles.Rlocation(program)
}

// run runs a program in a folder. What it prints becomes part of the error
// where it fails.
func run(ctx context.Context, folder string, environment []string, program string, args ...string) error {
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = folder
	command.Env = append(os.Environ(), environment...)
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(output))
	}
	return nil
}
