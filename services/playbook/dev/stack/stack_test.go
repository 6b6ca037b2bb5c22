package stack_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/child"
	"github.com/soketsugo/soketsugo/services/playbook/dev/stack"
)

// program writes a shell script that stands in for a process.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// server is a script that is ready at once and ends with a code on SIGTERM.
func server(code int) string {
	return fmt.Sprintf(`trap 'exit %d' TERM
echo '{"level":"INFO","msg":"ready"}'
while :; do sleep 0.02; done`, code)
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func options(t *testing.T, migrate, grpc, rest string) stack.Options {
	t.Helper()
	const free = "127.0.0.1:0"
	return stack.Options{
		MigrateBinary: program(t, migrate), GRPCBinary: program(t, grpc), RESTBinary: program(t, rest),
		DatabaseURL: "sqlite:///x",
		GRPCAddr:    free, GRPCAdminAddr: free, HTTPAddr: free, HTTPAdminAddr: free,
		Log: func(string, child.Line) {}, Say: func(string, ...any) {},
	}
}

// A server that does not end well is reported by its name and exit code.
func TestStopReports(t *testing.T) {
	s, err := stack.Start(soon(t), options(t, "", server(0), server(3)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err == nil || err.Error() != "rest ended: exit status 3" {
		t.Errorf("Stop: got %v, want what rest ended with", err)
	}
	select {
	case err := <-s.Failed():
		t.Errorf("a server that was told to end counts as failed: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
}

// A server that ends before it is ready is the news, and the other is stopped.
func TestStartFails(t *testing.T) {
	stopped := filepath.Join(t.TempDir(), "stopped")
	other := strings.Replace(server(0), "exit 0", "touch "+stopped+"; exit 0", 1)
	_, err := stack.Start(soon(t), options(t, "", other, `sleep 0.2; echo '{"level":"ERROR","msg":"no luck"}'; exit 4`))
	if err == nil || err.Error() != "rest ended: exit status 4: no luck" {
		t.Errorf("Start: got %v, want what rest ended with", err)
	}
	if _, err := os.Stat(stopped); err != nil {
		t.Errorf("grpc was not stopped: %v", err)
	}
}

// Nothing is started where migrate fails.
func TestMigrateFails(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	_, err := stack.Start(soon(t), options(t, "exit 5", "touch "+started, "touch "+started))
	if err == nil || err.Error() != "migrate ended: exit status 5" {
		t.Errorf("Start: got %v, want what migrate ended with", err)
	}
	if _, err := os.Stat(started); err == nil {
		t.Error("a server was started")
	}
}

// Processes get their settings from us, and what else there is from the user;
// but not a log level that would hide when they are ready.
func TestEnvironment(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://elsewhere")
	t.Setenv("SHUTDOWN_TIMEOUT", "7s")
	for level, want := range map[string]string{"debug": "debug", "warn": "", "error": ""} {
		t.Setenv("LOG_LEVEL", level)
		var mu sync.Mutex
		var got string
		o := options(t, `echo "$DATABASE_URL $SHUTDOWN_TIMEOUT $LOG_FORMAT $LOG_LEVEL"; exit 1`, "", "")
		o.Log = func(_ string, line child.Line) {
			mu.Lock()
			defer mu.Unlock()
			got = line.Raw
		}
		if _, err := stack.Start(soon(t), o); err == nil {
			t.Fatal("Start: got no error")
		}
		if want := "sqlite:///x 7s json " + want; got != want {
			t.Errorf("LOG_LEVEL=%s: the environment is %q, want %q", level, got, want)
		}
	}
}
