package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// runLimit is how long a program may take to print its version.
const runLimit = 10 * time.Second

// Version runs the entrypoint with --version from the unpacked image, in an empty environment, and returns the first
// line that it prints. The line must hold the wanted version as a word.
func Version(ctx context.Context, config *v1.ConfigFile, folder, want string) (string, error) {
	if len(config.Config.Entrypoint) == 0 {
		return "", errors.New("there is no entrypoint")
	}
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	words := append(config.Config.Entrypoint[1:len(config.Config.Entrypoint):len(config.Config.Entrypoint)], "--version")
	command := exec.CommandContext(ctx, filepath.Join(folder, config.Config.Entrypoint[0]), words...)
	command.Dir = folder
	command.Env = []string{}
	// A child of the program may hold its output open after the program is gone.
	command.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no end after %s: %w", runLimit, err)
		}
		return "", fmt.Errorf("running %s --version: %w: it printed %q", config.Config.Entrypoint[0], err, shorten(stdout.String()+stderr.String()))
	}
	line, _, _ := strings.Cut(stdout.String(), "\n")
	for word := range strings.FieldsSeq(line) {
		if word == want || word == "v"+want {
			return line, nil
		}
	}
	if want == "" {
		return line, nil
	}
	return line, fmt.Errorf("%s --version starts with the line %q, which lacks the version %q", config.Config.Entrypoint[0], shorten(line), want)
}

func shorten(text string) string {
	const limit = 400
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}
