package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
)

// events remembers what happened in which order.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

// server is a lifecycle.Server that serves nothing.
type server struct {
	name      string
	events    *events
	listenErr error
	serve     func() error
	shutdown  error
	stopped   time.Time
	stop      chan struct{}
}

func newServer(name string, events *events) *server {
	s := &server{name: name, events: events, stop: make(chan struct{})}
	s.serve = func() error {
		<-s.stop
		return nil
	}
	return s
}

func (s *server) Name() string { return s.name }

func (s *server) Listen() (net.Addr, error) {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, s.listenErr
}

func (s *server) Serve() error { return s.serve() }

func (s *server) Shutdown(context.Context) error {
	s.events.add("stop " + s.name)
	s.stopped = time.Now()
	close(s.stop)
	return s.shutdown
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(data)
}

// run runs a plan around one server and an admin server.
func run(t *testing.T, change func(api *server, plan *lifecycle.Plan)) (code int, happened []string, log string) {
	t.Helper()
	var e events
	var buffer lockedBuffer
	logger := slog.New(slog.NewTextHandler(&buffer, nil))
	api := newServer("api", &e)
	plan := lifecycle.Plan{
		Config:  lifecycle.Config{ShutdownTimeout: time.Second},
		Log:     logger,
		Health:  health.New(logger),
		Servers: []lifecycle.Server{api},
		Admin:   []lifecycle.Server{newServer("admin", &e)},
		Dependencies: []lifecycle.Dependency{
			{Name: "first", Close: func() { e.add("close first") }},
			{Name: "second", Close: func() { e.add("close second") }},
		},
	}
	if change != nil {
		change(api, &plan)
	}
	code = lifecycle.Start().Run(plan)
	return code, e.list, buffer.String()
}

// terminate sends the signal when the process is ready.
func terminate(plan *lifecycle.Plan) {
	plan.Health.Watch(func(ready bool) {
		if ready {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGTERM)
		}
	})
}

// SIGTERM stops the servers, then the admin server, then the dependencies in
// reverse, and the process has succeeded.
func TestSIGTERM(t *testing.T) {
	code, happened, log := run(t, func(_ *server, plan *lifecycle.Plan) { terminate(plan) })
	if code != lifecycle.ExitOK {
		t.Errorf("the exit code is %d, want %d", code, lifecycle.ExitOK)
	}
	if diff := cmp.Diff([]string{"stop api", "stop admin", "close second", "close first"}, happened); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for _, want := range []string{"msg=listening name=api addr=127.0.0.1:1", "msg=ready", "msg=draining", `msg="not ready"`, "msg=stopped"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

// Readiness is false before the delay begins, and servers go on during it.
func TestDrainDelay(t *testing.T) {
	const delay = 150 * time.Millisecond
	var unready time.Time
	var observed *server
	_, _, _ = run(t, func(api *server, plan *lifecycle.Plan) {
		plan.Config.DrainDelay = delay
		was := false
		plan.Health.Watch(func(ready bool) {
			if was && !ready {
				unready = time.Now()
			}
			was = ready
		})
		observed = api
		terminate(plan)
	})
	if got := observed.stopped.Sub(unready); unready.IsZero() || got < delay {
		t.Errorf("the server stopped %s after readiness turned false, want at least %s", got, delay)
	}
}

// What goes wrong gives its exit code, and everything is still closed.
func TestFailures(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*server, *lifecycle.Plan)
		want   int
		log    string
	}{
		{"cut off at the deadline", func(api *server, plan *lifecycle.Plan) {
			api.shutdown = lifecycle.ErrCut
			terminate(plan)
		}, lifecycle.ExitCut, "cut off at the deadline"},
		{"cannot shut down", func(api *server, plan *lifecycle.Plan) {
			api.shutdown = errors.New("stuck")
			terminate(plan)
		}, lifecycle.ExitFailure, "stuck"},
		{"cannot listen", func(api *server, _ *lifecycle.Plan) { api.listenErr = errors.New("address in use") }, lifecycle.ExitFailure, "address in use"},
		{"fails", func(api *server, _ *lifecycle.Plan) { api.serve = func() error { return errors.New("broken") } }, lifecycle.ExitFailure, "broken"},
		{"panics", func(api *server, _ *lifecycle.Plan) { api.serve = func() error { panic("oops") } }, lifecycle.ExitFailure, "oops"},
		{"stops by itself", func(api *server, _ *lifecycle.Plan) { api.serve = func() error { return nil } }, lifecycle.ExitFailure, "stopped by itself"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, happened, log := run(t, test.change)
			if code != test.want || !strings.Contains(log, test.log) {
				t.Errorf("the exit code is %d, want %d and %q in the log:\n%s", code, test.want, test.log, log)
			}
			if len(happened) < 2 || happened[len(happened)-1] != "close first" {
				t.Errorf("dependencies were not closed: %v", happened)
			}
		})
	}
}

// A job's context ends with the first signal.
func TestContext(t *testing.T) {
	ctx, cancel := lifecycle.Start().Context()
	defer cancel()
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Error("the context did not end")
	}
}
