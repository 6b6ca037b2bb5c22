// Package engine hands image archives to the container engine of this machine.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// Load finds docker, podman or nerdctl, in this order, and loads the archive that write produces.
func Load(ctx context.Context, stdout, stderr io.Writer, write func(io.Writer) error) error {
	name, err := find("docker", "podman", "nerdctl")
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, name, "load")
	command.Stdout, command.Stderr = stdout, stderr
	reader, writer := io.Pipe()
	command.Stdin = reader
	written := make(chan error, 1)
	go func() {
		err := write(writer)
		writer.CloseWithError(err)
		written <- err
	}()
	err = command.Run()
	// An engine that stops early leaves the writer waiting for a reader.
	reader.CloseWithError(errEngineStopped)
	if writeErr := <-written; writeErr != nil && !errors.Is(writeErr, errEngineStopped) {
		return writeErr
	}
	if err != nil {
		return fmt.Errorf("running %s load: %w: see what it said above; if its daemon does not run, start it, or write the archive with --output FILE", name, err)
	}
	return nil
}

var errEngineStopped = errors.New("the container engine stopped reading")

func find(names ...string) (string, error) {
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			return name, nil
		}
	}
	return "", errors.New("no docker, podman or nerdctl on the PATH: install one of them, or write the archive with --output FILE (after -- in bazel run)")
}
