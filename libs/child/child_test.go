package child_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/child"
)

// start runs a shell script as a child.
func start(t *testing.T, script string, output func(child.Line)) *child.Child {
	t.Helper()
	c, err := child.Start(child.Spec{
		Name: "it", Path: "/bin/sh", Args: []string{"-c", script},
		Env: []string{"PATH=" + os.Getenv("PATH")}, Output: output,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.Stop(ctx)
	})
	return c
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// A child's log says where it listens and that it is ready; SIGTERM ends it.
func TestReadyAndStop(t *testing.T) {
	c := start(t, `
		trap 'exit 0' TERM
		echo '{"time":"t","level":"INFO","msg":"listening","name":"grpc","addr":"127.0.0.1:5"}'
		echo '{"level":"INFO","msg":"ready"}'
		while :; do sleep 0.05; done`, nil)
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	if got := c.Addr("grpc"); got != "127.0.0.1:5" {
		t.Errorf("the address is %q", got)
	}
	if err := c.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	if c.ExitCode() != 0 {
		t.Errorf("the exit code is %d", c.ExitCode())
	}
}

// A child that ends before it is ready is described by its exit code and its
// last error.
func TestFailure(t *testing.T) {
	c := start(t, `echo '{"level":"ERROR","msg":"cannot listen","error":"in use"}'; echo '{"level":"INFO","msg":"bye"}'; exit 4`, nil)
	err := c.Ready(soon(t))
	if err == nil || !strings.Contains(err.Error(), `it ended: exit status 4: cannot listen error="in use"`) {
		t.Errorf("Ready: got %v", err)
	}
}

// A child that does not end is killed at the deadline.
func TestStopKills(t *testing.T) {
	c := start(t, `trap '' TERM; echo '{"msg":"ready"}'; while :; do sleep 0.05; done`, nil)
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Stop(ctx); err == nil {
		t.Error("Stop: got no error")
	}
	if c.ExitCode() != -1 {
		t.Errorf("the exit code is %d, want -1 for a signal", c.ExitCode())
	}
}

// What the child has started is killed with it, or its log would never end.
func TestStopKillsTheGroup(t *testing.T) {
	c := start(t, `trap '' TERM; sleep 60 & echo '{"msg":"ready"}'; wait; sleep 60`, nil)
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := c.Stop(ctx); err == nil {
		t.Error("Stop: got no error")
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Stop took %s", took)
	}
}

// A child is in a process group of its own: Ctrl-C in the terminal is for the
// parent, which stops its children in order.
func TestProcessGroup(t *testing.T) {
	c := start(t, `sleep 60`, nil)
	group, err := syscall.Getpgid(c.PID())
	if err != nil || group != c.PID() {
		t.Errorf("the group of process %d is %d, %v", c.PID(), group, err)
	}
}

// A line without end neither fills the memory nor stops the child.
func TestLongLine(t *testing.T) {
	const size = 3 << 20
	total := 0
	c := start(t, `head -c 3145728 /dev/zero | tr '\0' x; echo; echo '{"msg":"ready"}'`, func(line child.Line) { total += len(line.Raw) })
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if want := size + len(`{"msg":"ready"}`); total != want || c.ExitCode() != 0 {
		t.Errorf("got %d bytes and exit code %d, want %d and 0", total, c.ExitCode(), want)
	}
}

// A child sees the environment that it was given and nothing of ours.
func TestEnvironment(t *testing.T) {
	t.Setenv("SOKETSUGO_CHILD_TEST", "inherited")
	var got string
	c, err := child.Start(child.Spec{
		Name: "it", Path: "/bin/sh", Args: []string{"-c", `echo "<$SOKETSUGO_CHILD_TEST>"`},
		Output: func(line child.Line) { got = line.Raw },
	})
	if err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if got != "<>" {
		t.Errorf("the child sees %s", got)
	}
}

// A child that is not ready in time is reported as such, and one that cannot be
// started at once.
func TestNeverReady(t *testing.T) {
	c := start(t, `sleep 60`, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Ready(ctx); err == nil {
		t.Error("Ready: got no error")
	}
	if _, err := child.Start(child.Spec{Name: "it", Path: t.TempDir() + "/missing"}); err == nil {
		t.Error("Start: got no error for a binary that is missing")
	}
}

// Log lines are parsed as log/slog writes them, and everything else is kept as
// it is.
func TestLines(t *testing.T) {
	var got []string
	c := start(t, `
		echo '{"time":"t","level":"WARN","msg":"a b","n":1.50,"text":"x y","empty":"","list":["q"]}'
		echo 'plain text'
		echo '{"broken":'
		echo 'to stderr' >&2`, func(line child.Line) { got = append(got, line.Level+"|"+line.Text()) })
	<-c.Done()
	want := []string{`WARN|a b n=1.50 text="x y" empty="" list="[\"q\"]"`, `|plain text`, `|{"broken":`, `|to stderr`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
