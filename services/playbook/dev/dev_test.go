package main_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/child"
	"github.com/soketsugo/soketsugo/libs/testing/binary"
	"github.com/soketsugo/soketsugo/libs/testing/long"
)

const module = "github.com/soketsugo/soketsugo/services/playbook/"

// The binaries are what Bazel starts: they hold SQLite.
var (
	devBinary     = binary.Binary{Variable: "PLAYBOOK_DEV_BINARY", Package: module + "dev"}
	migrateBinary = binary.Binary{Variable: "PLAYBOOK_MIGRATE_SQLITE_BINARY", Package: module + "migrate", Tags: "sqlite"}
	grpcBinary    = binary.Binary{Variable: "PLAYBOOK_GRPC_SQLITE_BINARY", Package: module + "grpc", Tags: "sqlite"}
	restBinary    = binary.Binary{Variable: "PLAYBOOK_REST_SQLITE_BINARY", Package: module + "rest", Tags: "sqlite"}
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, b := range []*binary.Binary{&devBinary, &migrateBinary, &grpcBinary, &restBinary} {
		b.Remove()
	}
	os.Exit(code)
}

// launcher runs the real launcher on the real binaries.
type launcher struct {
	*child.Child
	mu    sync.Mutex
	lines []string
}

func (l *launcher) output() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// waitFor waits until the launcher has printed a text.
func (l *launcher) waitFor(t *testing.T, text string) {
	t.Helper()
	for begin := time.Now(); !strings.Contains(l.output(), text); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("the launcher did not print %q:\n%s", text, l.output())
		}
	}
}

func (l *launcher) finish(t *testing.T, want int) {
	t.Helper()
	select {
	case <-l.Done():
	case <-time.After(60 * time.Second):
		t.Fatalf("the launcher did not end:\n%s", l.output())
	}
	if got := l.ExitCode(); got != want {
		t.Fatalf("the exit code is %d, want %d:\n%s", got, want, l.output())
	}
}

// binaries are the flags that Bazel would set.
func binaries(t *testing.T) []string {
	t.Helper()
	return []string{
		"--migrate-binary", migrateBinary.Path(t),
		"--grpc-binary", grpcBinary.Path(t),
		"--rest-binary", restBinary.Path(t),
	}
}

var freePorts = []string{"--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--grpc-admin-addr=127.0.0.1:0", "--http-admin-addr=127.0.0.1:0"}

func start(t *testing.T, args ...string) *launcher {
	t.Helper()
	return startIn(t, []string{"TMPDIR=" + t.TempDir()}, args...)
}

func startIn(t *testing.T, env []string, args ...string) *launcher {
	t.Helper()
	l := &launcher{}
	var err error
	l.Child, err = child.Start(child.Spec{
		Name: "dev", Path: devBinary.Path(t), Args: args, Env: env,
		Output: func(line child.Line) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.lines = append(l.lines, line.Raw)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = l.Stop(ctx)
	})
	return l
}

// children returns the processes that the launcher started.
func (l *launcher) children(t *testing.T) []string {
	t.Helper()
	var found []string
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Skip("this machine has no /proc to find children with")
	}
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		// pid (name) state parent …; the name may hold anything.
		fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(l.PID()) {
			found = append(found, filepath.Base(filepath.Dir(path)))
		}
	}
	return found
}

// The scenario passes, ends with its line and leaves no file, also where the
// user wants to see errors only.
func TestSmoke(t *testing.T) {
	long.Test(t)
	folder := t.TempDir()
	l := startIn(t, []string{"TMPDIR=" + folder, "LOG_LEVEL=error"}, append(binaries(t), "--smoke")...)
	l.finish(t, 0)
	if !strings.HasSuffix(l.output(), "\nsmoke: ok") {
		t.Errorf("the output does not end with its line:\n%s", l.output())
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("the scenario left %v behind, %v", left, err)
	}
}

// Paths are relative to where the user called bazel.
func TestRelativeFolder(t *testing.T) {
	folder := t.TempDir()
	l := startIn(t, []string{"BUILD_WORKING_DIRECTORY=" + folder}, append(binaries(t), append(freePorts, "--data", "x")...)...)
	l.waitFor(t, "Ctrl-C stops everything")
	if _, err := os.Stat(filepath.Join(folder, "x", "playbook.db")); err != nil {
		t.Error(err)
	}
	l.Signal(syscall.SIGINT)
	l.finish(t, 0)
}

// The launcher starts everything, says where, and SIGTERM stops it all.
func TestStartAndStop(t *testing.T) {
	l := start(t, append(binaries(t), append(freePorts, "--data", t.TempDir())...)...)
	l.waitFor(t, "Ctrl-C stops everything")
	_, rest, _ := strings.Cut(l.output(), "REST at ")
	base, _, _ := strings.Cut(rest, "\n")
	_, rest, _ = strings.Cut(l.output(), "for a day is ")
	token, _, _ := strings.Cut(rest, "\n")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/playbooks", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("REST answered %s", response.Status)
	}
	for _, want := range []string{"migrate is done after", "grpc is ready after", "rest is ready after", "curl -s " + base, "Authorization: Bearer " + token, "grpcurl -plaintext"} {
		if !strings.Contains(l.output(), want) {
			t.Errorf("the output lacks %q:\n%s", want, l.output())
		}
	}
	l.Signal(syscall.SIGTERM)
	l.finish(t, 0)
	if _, err := http.Get(base); err == nil {
		t.Error("REST still answers")
	}
}

// A process that dies stops everything, and the launcher says which it was.
func TestProcessDies(t *testing.T) {
	l := start(t, append(binaries(t), append(freePorts, "--data", t.TempDir())...)...)
	l.waitFor(t, "Ctrl-C stops everything")
	children := l.children(t)
	if len(children) != 2 {
		t.Fatalf("the launcher has the children %v, want 2", children)
	}
	victim, err := strconv.Atoi(children[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	l.finish(t, 1)
	if !strings.Contains(l.output(), "ended: signal: killed") {
		t.Errorf("the output does not say what happened:\n%s", l.output())
	}
}

// alive says whether a process exists and is not merely waiting for somebody to
// ask how it ended.
func alive(pid string) bool {
	data, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	return err == nil && !strings.Contains(string(data), ") Z ")
}

// When the launcher is killed, nothing is left running.
func TestLauncherIsKilled(t *testing.T) {
	l := start(t, append(binaries(t), append(freePorts, "--data", t.TempDir())...)...)
	l.waitFor(t, "Ctrl-C stops everything")
	children := l.children(t)
	l.Signal(syscall.SIGKILL)
	l.finish(t, -1)
	for _, pid := range children {
		for begin := time.Now(); alive(pid); time.Sleep(10 * time.Millisecond) {
			if time.Since(begin) > 10*time.Second {
				t.Fatalf("process %s is still there", pid)
			}
		}
	}
}

// What cannot work is one clear line with the way out, and nothing is started.
func TestRefusals(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "playbook.db"), []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no binaries", []string{"--smoke"}, 2, "--migrate-binary is not set; start with `bazel run //:dev`"},
		{"an unknown flag", []string{"--smok"}, 2, "--help lists the flags"},
		{"an argument", []string{"smoke"}, 2, `"smoke" is not a flag`},
		{"a missing binary", []string{"--migrate-binary", file + "x"}, 2, "where there is no file"},
		{"two databases", []string{"--data", folder, "--database-url", "postgres://h/d"}, 2, "exclude each other"},
		{"an address without a port", append(binaries(t), "--http-addr", "127.0.0.1"), 2, "it takes host:port"},
		{"a port that is none", append(binaries(t), "--grpc-admin-addr", "127.0.0.1:99999"), 2, "it takes host:port"},
		{"a URL that is none", append(binaries(t), "--database-url", "playbook"), 2, "it takes postgres://"},
		{"an SQLite file as a host", append(append(binaries(t), freePorts...), "--database-url", "sqlite://x.db"), 1, "absolute path"},
		{"a port that is taken", append(append(binaries(t), freePorts...), "--data", t.TempDir(), "--grpc-addr", listener.Addr().String()), 1, "choose another with --grpc-addr"},
		{"a folder that cannot be made", append(append(binaries(t), freePorts...), "--data", filepath.Join(file, "x")), 1, "choose another with --data"},
		{"a file that is no database", append(append(binaries(t), freePorts...), "--data", folder), 1, "migrate ended: exit status 2"},
		{"another kind of database", append(append(binaries(t), freePorts...), "--database-url", "mysql://u:hunter2@h/d"), 1, "migrate ended: exit status 2"},
	} {
		l := start(t, test.args...)
		l.finish(t, test.code)
		if !strings.Contains(l.output(), test.want) || strings.Contains(l.output(), "hunter2") {
			t.Errorf("%s: got %q, want %q", test.name, l.output(), test.want)
		}
	}
}

// Help names every flag.
func TestHelp(t *testing.T) {
	l := start(t, "--help")
	l.finish(t, 0)
	for _, want := range []string{"bazel run //:dev", "-smoke", "-database-url", "-data", "-grpc-binary"} {
		if !strings.Contains(l.output(), want) {
			t.Errorf("the text lacks %q:\n%s", want, l.output())
		}
	}
}
