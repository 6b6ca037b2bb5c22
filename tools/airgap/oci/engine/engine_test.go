package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/engine"
)

// The archive goes to the first engine there is, by "load" and its standard input.
func TestLoad(t *testing.T) {
	for name, test := range map[string]struct {
		engines map[string]string
		want    string
	}{
		"docker":  {map[string]string{"docker": "echo docker $*; exec /bin/cat", "podman": "echo podman"}, "docker load\narchive"},
		"podman":  {map[string]string{"podman": "echo podman $*; exec /bin/cat"}, "podman load\narchive"},
		"nerdctl": {map[string]string{"nerdctl": "echo nerdctl $*; exec /bin/cat"}, "nerdctl load\narchive"},
	} {
		t.Run(name, func(t *testing.T) {
			install(t, test.engines)
			var stdout bytes.Buffer
			if err := engine.Load(context.Background(), &stdout, io.Discard, writeArchive); err != nil {
				t.Fatal(err)
			}
			if stdout.String() != test.want {
				t.Errorf("got %q, want %q", stdout.String(), test.want)
			}
		})
	}
}

// Every failure names its reason and, where there is one, the way out.
func TestFailures(t *testing.T) {
	broken := errors.New("broken image")
	for name, test := range map[string]struct {
		engines map[string]string
		write   func(io.Writer) error
		want    string
	}{
		"no engine":    {nil, writeArchive, "no docker, podman or nerdctl on the PATH: install one of them, or write the archive with --output FILE"},
		"no daemon":    {map[string]string{"docker": "exit 1"}, endless, "running docker load: exit status 1"},
		"broken image": {map[string]string{"docker": "exec /bin/cat"}, func(io.Writer) error { return broken }, "broken image"},
	} {
		t.Run(name, func(t *testing.T) {
			install(t, test.engines)
			err := engine.Load(context.Background(), io.Discard, io.Discard, test.write)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func writeArchive(w io.Writer) error {
	_, err := io.WriteString(w, "archive")
	return err
}

// endless writes more than any pipe holds, until nobody reads any more.
func endless(w io.Writer) error {
	for {
		if _, err := w.Write(make([]byte, 1<<16)); err != nil {
			return err
		}
	}
}

// install makes shell scripts the only programs on the PATH.
func install(t *testing.T, scripts map[string]string) {
	t.Helper()
	folder := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
}
