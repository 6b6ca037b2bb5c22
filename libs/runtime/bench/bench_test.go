package main_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/testing/binary"
)

var benchBinary = binary.Binary{Variable: "BENCH_BINARY", Package: "github.com/soketsugo/soketsugo/libs/runtime/bench"}

func TestMain(m *testing.M) {
	code := m.Run()
	benchBinary.Remove()
	os.Exit(code)
}

// run runs the command and returns its exit code.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, log strings.Builder
	command := exec.CommandContext(t.Context(), benchBinary.Path(t), args...)
	command.Stdout, command.Stderr = &out, &log
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), log.String(), command.ProcessState.ExitCode()
}

// A mistake is answered in one line, --help on standard output.
func TestFlags(t *testing.T) {
	if stdout, stderr, code := run(t, "--help"); code != 0 || stderr != "" || !strings.Contains(stdout, "-quick") {
		t.Errorf("--help: got %d, %q, %q", code, stdout, stderr)
	}
	for _, args := range [][]string{{"--only=tcp"}, {"--fast"}, {"http"}} {
		stdout, stderr, code := run(t, args...)
		if code != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "bench: ") {
			t.Errorf("%q: got %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

// The report can be read by a program, and progress does not get into it.
func TestJSON(t *testing.T) {
	stdout, stderr, code := run(t, "--quick", "--only=grpc", "--json")
	var report struct {
		Throughput []struct {
			Protocol      string
			Sent, Counted int
		}
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 0 {
		t.Fatalf("got %d, %v, %q, %q", code, err, stdout, stderr)
	}
	if len(report.Throughput) != 1 || report.Throughput[0].Protocol != "grpc" || report.Throughput[0].Sent != report.Throughput[0].Counted {
		t.Errorf("the report is %+v", report)
	}
}

// Ctrl-C ends the command and its servers.
func TestInterrupt(t *testing.T) {
	command := exec.Command(benchBinary.Path(t), "--only=http")
	progress, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	// The first line says that it has begun.
	if _, err := progress.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // the exit code says it
	if code := command.ProcessState.ExitCode(); code != 130 {
		t.Errorf("the exit code is %d", code)
	}
}
