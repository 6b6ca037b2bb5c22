package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"go.uber.org/goleak"
)

// Nothing that a process started may be left when it has stopped.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// events remembers what happened in which order, and when.
type events struct {
	mu   sync.Mutex
	list []string
	at   map[string]time.Time
}

func (e *events) add(event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
	e.at[event] = time.Now()
}

// when returns when an event happened, or the zero time.
func (e *events) when(event string) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.at[event]
}

func (e *events) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// component is a lifecycle.Component that does nothing by itself.
type component struct {
	name   string
	events *events
	start  func(context.Context) error
	run    func() error
	stop   func(context.Context) error
	asked  chan struct{}
}

func newComponent(name string, e *events) *component {
	c := &component{name: name, events: e, asked: make(chan struct{})}
	c.start = func(context.Context) error { return nil }
	c.run = func() error {
		<-c.asked
		return nil
	}
	c.stop = func(context.Context) error { return nil }
	return c
}

func (c *component) Name() string { return c.name }

func (c *component) Start(ctx context.Context) error {
	c.events.add("start " + c.name)
	return c.start(ctx)
}

func (c *component) Run() error { return c.run() }

func (c *component) Stop(ctx context.Context) error {
	c.events.add("stop " + c.name)
	defer close(c.asked)
	return c.stop(ctx)
}

func (c *component) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// traffic is a lifecycle.Traffic that has this much left.
type traffic struct {
	events *events
	left   int64
	cut    int64
}

func (r *traffic) Leave(time.Duration) { r.events.add("leave") }

func (r *traffic) Cut() {
	r.events.add("cut")
	r.cut = r.left
}

func (r *traffic) Drained() (int64, slog.Value) {
	return r.cut, slog.GroupValue(slog.Int64("cut", r.cut))
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

// parts is a process with two dependencies, an admin server and two servers.
type parts struct {
	plan                             lifecycle.Plan
	pool, exporter, admin, api, feed *component
	traffic                          *traffic
	process                          *lifecycle.Process
}

// outcome is what came of it.
type outcome struct {
	code   int
	events *events
	log    string
}

// run runs a process. The function changes it before, and act is called when it
// is ready.
func run(t *testing.T, change func(*parts), act func(*parts)) outcome {
	t.Helper()
	e := &events{at: map[string]time.Time{}}
	var buffer lockedBuffer
	log := slog.New(slog.NewTextHandler(&buffer, nil))
	var checks health.Config
	config.Defaults(&checks)
	p := &parts{
		pool: newComponent("pool", e), exporter: newComponent("exporter", e), admin: newComponent("admin", e),
		api: newComponent("api", e), feed: newComponent("feed", e), traffic: &traffic{events: e},
	}
	p.plan = lifecycle.Plan{
		Config:       lifecycle.Config{StartTimeout: 10 * time.Second, ShutdownTimeout: 10 * time.Second},
		Log:          log,
		Health:       health.New(checks, log),
		Traffic:      p.traffic,
		Dependencies: []lifecycle.Component{p.pool, p.exporter},
		Admin:        []lifecycle.Component{p.admin},
		Servers:      []lifecycle.Component{p.api, p.feed},
	}
	if change != nil {
		change(p)
	}
	p.process = lifecycle.Start()
	watched, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	if act != nil {
		watching.Go(func() {
			for {
				ready, changed := p.plan.Health.Ready()
				if ready {
					act(p)
					return
				}
				select {
				case <-changed:
				case <-watched.Done():
					return
				}
			}
		})
	}
	code := p.process.Run(p.plan)
	stop()
	watching.Wait()
	return outcome{code: code, events: e, log: buffer.String()}
}

func terminate(*parts) { _ = syscall.Kill(syscall.Getpid(), syscall.SIGTERM) }

func (o outcome) want(t *testing.T, code int, log ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("the exit code is %d, want %d", o.code, code)
	}
	for _, want := range log {
		if strings.Count(o.log, want) != 1 {
			t.Errorf("the log has %q %d times, want once", want, strings.Count(o.log, want))
		}
	}
	if t.Failed() {
		t.Logf("the log:\n%s", o.log)
	}
}

// On SIGTERM the servers stop together, then the admin server, then the
// dependencies in reverse, and each phase is logged once.
func TestSIGTERM(t *testing.T) {
	got := run(t, nil, terminate)
	got.want(t, lifecycle.ExitOK, "msg=starting", "msg=listening name=api addr=127.0.0.1:1", "msg=ready after=",
		"msg=draining signal=terminated", "msg=drained", "msg=stopped took=")
	want := []string{"start pool", "start exporter", "start admin", "start api", "start feed",
		"leave", "stop api", "stop feed", "stop admin", "stop exporter", "stop pool"}
	happened := got.events.all()
	if len(happened) == len(want) && happened[6] == "stop feed" {
		// The servers are siblings: either may be first.
		happened[6], happened[7] = happened[7], happened[6]
	}
	if diff := cmp.Diff(want, happened); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// The phase can be seen from outside.
func TestPhase(t *testing.T) {
	var mu sync.Mutex
	var seen []lifecycle.Phase
	var process *lifecycle.Process
	note := func(p *parts) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, p.process.Phase())
	}
	run(t, func(p *parts) {
		p.pool.start = func(context.Context) error { note(p); return nil }
		p.pool.stop = func(context.Context) error { note(p); return nil }
	}, func(p *parts) {
		for p.process.Phase() == lifecycle.Starting {
			time.Sleep(time.Millisecond)
		}
		note(p)
		process = p.process
		terminate(p)
	})
	seen = append(seen, process.Phase())
	if diff := cmp.Diff([]lifecycle.Phase{lifecycle.Starting, lifecycle.Ready, lifecycle.Draining, lifecycle.Stopped}, seen); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
}

// Servers go on during the delay; readiness is false from its begin on, or from
// its end where nobody can take over.
func TestDrainDelay(t *testing.T) {
	const delay = 200 * time.Millisecond
	for _, stayReady := range []bool{false, true} {
		var asked time.Time
		var readyDuring bool
		got := run(t, func(p *parts) {
			p.plan.Config.DrainDelay, p.plan.Config.StayReady = delay, stayReady
		}, func(p *parts) {
			asked = time.Now()
			terminate(p)
			time.Sleep(delay / 2)
			readyDuring = p.plan.Health.IsReady()
		})
		if took := got.events.when("stop api").Sub(asked); took < delay || readyDuring != stayReady {
			t.Errorf("stay ready %v: the server stopped after %s and ready was %v", stayReady, took, readyDuring)
		}
	}
}

// onceReady returns a component's run that ends in its own way when the process
// is ready.
func (p *parts) onceReady(end func() error) func() error {
	return func() error {
		for {
			ready, changed := p.plan.Health.Ready()
			if ready {
				return end()
			}
			<-changed
		}
	}
}

// What goes wrong gives its exit code and its cause in the log, and everything
// that was started is stopped.
func TestFailures(t *testing.T) {
	long.Test(t)
	for _, test := range []struct {
		name    string
		change  func(*parts)
		act     func(*parts)
		want    int
		log     string
		stopped []string
	}{
		{"a server cannot start", func(p *parts) {
			p.api.start = func(context.Context) error { return errors.New("address in use") }
		}, nil, lifecycle.ExitFailure, `error="starting api: address in use"`, []string{"stop admin", "stop exporter", "stop pool"}},
		{"a dependency panics while it starts", func(p *parts) {
			p.exporter.start = func(context.Context) error { panic("oops") }
		}, nil, lifecycle.ExitFailure, "starting exporter: panicked: oops", []string{"stop pool"}},
		{"a start that takes too long", func(p *parts) {
			p.plan.Config.StartTimeout = 50 * time.Millisecond
			p.exporter.start = func(context.Context) error {
				time.Sleep(700 * time.Millisecond)
				return nil
			}
		}, nil, lifecycle.ExitFailure, "starting exporter: did not start within START_TIMEOUT (50ms)", []string{"stop pool"}},
		{"a server fails", func(p *parts) {
			p.api.run = p.onceReady(func() error { return errors.New("broken") })
		}, nil, lifecycle.ExitFailure, `msg="component failed" name=api error=broken`, []string{"stop api", "stop feed", "stop admin", "stop exporter", "stop pool"}},
		{"a dependency panics", func(p *parts) {
			p.exporter.run = p.onceReady(func() error { panic("oops") })
		}, nil, lifecycle.ExitFailure, `name=exporter error="panicked: oops`, []string{"stop api", "stop feed", "stop admin", "stop exporter", "stop pool"}},
		{"a server stops by itself", func(p *parts) {
			p.feed.run = p.onceReady(func() error { return nil })
		}, nil, lifecycle.ExitFailure, `name=feed error="stopped by itself"`, []string{"stop api", "stop pool"}},
		{"requests are cut off", func(p *parts) {
			p.plan.Config.ShutdownTimeout = 50 * time.Millisecond
			p.traffic.left = 3
			p.api.stop = func(ctx context.Context) error {
				<-ctx.Done()
				p.api.events.add("api cuts")
				return lifecycle.ErrCut
			}
		}, terminate, lifecycle.ExitCut, "requests.cut=3", []string{"cut", "api cuts", "stop admin", "stop exporter", "stop pool"}},
		{"a server does not stop", func(p *parts) {
			p.plan.Config.ShutdownTimeout = 50 * time.Millisecond
			p.api.stop = func(context.Context) error {
				time.Sleep(700 * time.Millisecond)
				return nil
			}
		}, terminate, lifecycle.ExitCut, `msg="cut off at the deadline" name=api`, []string{"stop admin", "stop exporter", "stop pool"}},
		{"a pool cannot be closed", func(p *parts) {
			p.pool.stop = func(context.Context) error { return errors.New("stuck") }
		}, terminate, lifecycle.ExitFailure, `msg="cannot stop" name=pool error=stuck`, []string{"stop pool"}},
		{"a pool does not close", func(p *parts) {
			p.pool.stop = func(context.Context) error {
				time.Sleep(lifecycle.CloseTimeout + 700*time.Millisecond)
				return nil
			}
		}, terminate, lifecycle.ExitOK, `msg="left behind" name=pool error="did not stop in time (3s)"`, []string{"stop exporter", "stop pool"}},
		{"a failure with its consequences", func(p *parts) {
			p.plan.Config.ShutdownTimeout = 50 * time.Millisecond
			p.exporter.run = p.onceReady(func() error { return errors.New("broken") })
			p.api.stop = func(ctx context.Context) error {
				<-ctx.Done()
				return lifecycle.ErrCut
			}
		}, nil, lifecycle.ExitFailure, "name=exporter error=broken", []string{"stop pool"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := run(t, test.change, test.act)
			got.want(t, test.want, test.log, "msg=draining", "msg=drained", "msg=stopped")
			for _, event := range test.stopped {
				if got.events.when(event).IsZero() {
					t.Errorf("%q did not happen: %v", event, got.events.all())
				}
			}
		})
	}
}

// SIGTERM during the start ends it, without the delay: nobody was sent here yet.
func TestSIGTERMDuringStart(t *testing.T) {
	begin := time.Now()
	got := run(t, func(p *parts) {
		p.plan.Config.DrainDelay = time.Minute
		p.exporter.start = func(ctx context.Context) error {
			terminate(p)
			<-ctx.Done()
			return ctx.Err()
		}
	}, nil)
	got.want(t, lifecycle.ExitOK, "msg=draining signal=terminated", "msg=stopped")
	if took := time.Since(begin); took > 10*time.Second || strings.Contains(got.log, "msg=ready") {
		t.Errorf("it took %s, and the log is:\n%s", took, got.log)
	}
	if diff := cmp.Diff([]string{"start pool", "start exporter", "leave", "stop pool"}, got.events.all()); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// The heart beats as long as the process runs, also while it drains.
func TestHeartbeat(t *testing.T) {
	got := run(t, func(p *parts) {
		p.plan.Config.DrainDelay = health.BeatInterval + 500*time.Millisecond
	}, func(p *parts) {
		terminate(p)
		time.Sleep(health.BeatInterval + 200*time.Millisecond)
		if !p.plan.Health.Alive() {
			t.Error("not alive while draining")
		}
	})
	got.want(t, lifecycle.ExitOK)
}

// A second signal ends the process at once, whatever it is doing.
func TestTwoSignals(t *testing.T) {
	if os.Getenv("LIFECYCLE_TEST_CHILD") != "" {
		run(t, func(p *parts) { p.plan.Config.DrainDelay = time.Minute }, func(p *parts) {
			terminate(p)
			for p.process.Phase() != lifecycle.Draining {
				time.Sleep(time.Millisecond)
			}
			terminate(p)
		})
		return
	}
	code := runSelf(t, "TestTwoSignals")
	if code != lifecycle.ExitForced {
		t.Errorf("the exit code is %d, want %d", code, lifecycle.ExitForced)
	}
}

// runSelf runs one test of this binary in a process of its own and returns its
// exit code.
func runSelf(t *testing.T, name string) int {
	t.Helper()
	process, err := os.StartProcess(os.Args[0], []string{os.Args[0], "-test.run=^" + name + "$"},
		&os.ProcAttr{Env: append(os.Environ(), "LIFECYCLE_TEST_CHILD=1")})
	if err != nil {
		t.Fatal(err)
	}
	state, err := process.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return state.ExitCode()
}

// The grace period is the sum of everything that may take time.
func TestGracePeriod(t *testing.T) {
	var defaults lifecycle.Config
	config.Defaults(&defaults)
	defaults.DrainDelay = lifecycle.KubernetesDrainDelay
	if got, want := defaults.GracePeriod(), 30*time.Second; got != want {
		t.Errorf("with the defaults it is %s, want %s", got, want)
	}
	defaults.DrainDelay += time.Second
	defaults.ShutdownTimeout += time.Minute
	if got, want := defaults.GracePeriod(), 91*time.Second; got != want {
		t.Errorf("with a minute and a second more it is %s, want %s", got, want)
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

// A background component runs until it is stopped; a closer is closed.
func TestBackground(t *testing.T) {
	var happened []string
	closer := lifecycle.Closer("pool", func() { happened = append(happened, "closed") })
	ended := make(chan error, 1)
	go func() { ended <- closer.Run() }()
	if err := errors.Join(closer.Start(t.Context()), closer.Stop(t.Context()), <-ended); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(closer.Name(), happened); got != "pool[closed]" {
		t.Errorf("got %s", got)
	}
}
