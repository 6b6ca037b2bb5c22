package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/health"
)

// Plan names the parts of a process.
type Plan struct {
	Config  Config
	Log     *slog.Logger
	Health  *health.State
	Traffic Traffic
	// Dependencies are what the servers stand on, such as connection pools and
	// exporters. They start first, in order, and stop last, in reverse.
	Dependencies []Component
	// Admin servers start before the others and stop after them, so that the start
	// and the drain can be watched.
	Admin []Component
	// Servers are siblings: they start together and stop together.
	Servers []Component
}

// Run starts every component, serves until a signal arrives or a component
// fails, drains, and returns the exit code of the process. It can be called
// once.
func (p *Process) Run(plan Plan) int {
	defer p.release()
	hurry := make(chan struct{})
	r := &run{
		Process: p, Plan: plan, failed: make(chan failure), ended: make(chan struct{}),
		hurry: hurry, hasten: sync.OnceFunc(func() { close(hurry) }),
	}
	defer close(r.ended)
	plan.Log.Info("starting", "pid", os.Getpid())
	checks, stopChecks := context.WithCancel(context.Background())
	r.stopChecks = stopChecks
	var background sync.WaitGroup
	background.Go(func() { plan.Health.Run(checks) })
	code := r.loop()
	background.Wait()
	p.phase.Store(Stopped)
	plan.Log.Info("stopped", "took", time.Since(r.drainBegan).String(), "after", time.Since(p.started).String(), "code", code)
	return code
}

// run is one call of Run.
type run struct {
	*Process
	Plan
	// failed gets the components that ended too early, until ended is closed.
	failed chan failure
	ended  chan struct{}
	// hurry is closed, by hasten, when there is nothing that a delay could serve.
	hurry      <-chan struct{}
	hasten     func()
	drainBegan time.Time
	// stopChecks ends the checks of readiness, which is false for good by then and
	// must not look at what is being closed.
	stopChecks context.CancelFunc
	// closing is set when components may come to their end.
	closing atomic.Bool

	// started holds the components that were started. It belongs to the goroutine
	// that starts them and then to the one that stops them.
	dependencies, admin, servers []Component
}

// loop waits for whatever can happen. It never blocks on anything else, so a
// signal is always heard, and its heartbeat means something.
func (r *run) loop() int {
	starting, interrupt := context.WithTimeoutCause(context.Background(), r.Config.StartTimeout,
		fmt.Errorf("did not start within START_TIMEOUT (%s)", r.Config.StartTimeout))
	defer interrupt()
	started := make(chan error, 1)
	go func() { started <- r.start(starting) }()
	stopped := make(chan int, 1)
	code, failedServers := ExitOK, 0
	stopping, startEnded, signalled := false, false, false
	// stop begins the end. While the start still goes on that only ends sooner;
	// what it has started by then is known afterwards.
	stop := func() {
		interrupt()
		if startEnded && !stopping {
			stopping = true
			go func() { stopped <- r.stop() }()
		}
	}
	_, changed := r.Health.Ready()
	beat := time.NewTicker(health.BeatInterval)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			r.Health.Beat()
		case <-changed:
			var isReady bool
			if isReady, changed = r.Health.Ready(); isReady && r.Phase() == Starting {
				r.phase.Store(Ready)
				r.Log.Info("ready", "after", time.Since(r.Process.started).String())
			}
		case err := <-started:
			startEnded = true
			switch {
			case r.drainBegan.IsZero() && err == nil:
				r.Health.Serving()
				continue
			case r.drainBegan.IsZero():
				r.Log.Error("cannot start", "error", err.Error())
				code = ExitFailure
				r.draining(slog.Bool("failed", true))
			}
			stop()
		case sig := <-r.signals:
			if signalled {
				r.Log.Warn("exiting at once", "signal", sig.String())
				os.Exit(ExitForced)
			}
			signalled = true
			r.draining(slog.String("signal", sig.String()))
			stop()
		case failed := <-r.failed:
			r.Log.Error("component failed", "name", failed.component.Name(), "error", failed.err.Error())
			code = ExitFailure
			r.draining(slog.String("failed", failed.component.Name()))
			if slices.Contains(r.Servers, failed.component) {
				failedServers++
			}
			if failedServers == len(r.Servers) {
				r.hasten()
			}
			stop()
		case stopCode := <-stopped:
			return worse(code, stopCode)
		}
	}
}

// worse returns the exit code that tells more: a failure tells more than its
// consequences.
func worse(a, b int) int {
	if a == ExitFailure || b == ExitFailure {
		return ExitFailure
	}
	return max(a, b)
}

// draining begins the drain as far as the outside is concerned. Only the first
// cause counts.
func (r *run) draining(cause slog.Attr) {
	if !r.drainBegan.IsZero() {
		return
	}
	if r.Phase() == Starting {
		// Nobody was sent here yet.
		r.hasten()
	}
	r.phase.Store(Draining)
	r.drainBegan = time.Now()
	r.Health.Drain(r.Config.StayReady)
	r.Log.LogAttrs(context.Background(), slog.LevelInfo, "draining", cause,
		slog.String("after", time.Since(r.Process.started).String()), slog.String("delay", r.Config.DrainDelay.String()))
}

// start starts everything in order. When it fails, what it has started is left
// to stop.
func (r *run) start(ctx context.Context) error {
	for _, group := range []struct {
		plan    []Component
		started *[]Component
	}{{r.Plan.Dependencies, &r.dependencies}, {r.Plan.Admin, &r.admin}, {r.Plan.Servers, &r.servers}} {
		for _, component := range group.plan {
			err := context.Cause(ctx)
			if err == nil {
				err = bounded(ctx, component.Start)
			}
			if err != nil {
				return fmt.Errorf("starting %s: %w", component.Name(), err)
			}
			*group.started = append(*group.started, component)
			logListening(r.Log, component)
			go r.work(component)
		}
	}
	return nil
}

// work runs a component and reports an end that nobody asked for.
func (r *run) work(component Component) {
	err := guard(component.Run)
	if err == nil && r.closing.Load() {
		return
	}
	if err == nil {
		err = errors.New("stopped by itself")
	}
	select {
	case r.failed <- failure{component, err}:
	case <-r.ended:
	}
}

// stop takes the process down in the order that docs/lifecycle.md draws.
func (r *run) stop() int {
	select {
	case <-time.After(r.Config.DrainDelay):
	case <-r.hurry:
	}
	r.closing.Store(true)
	r.Health.Leave()
	r.stopChecks()
	r.Traffic.Leave(r.Config.spread())
	begin := time.Now()
	code := r.stopServers()
	cut, report := r.Traffic.Drained()
	if cut > 0 {
		code = worse(code, ExitCut)
	}
	r.Log.Info("drained", "took", time.Since(begin).String(), "requests", report)
	ctx, cancel := context.WithTimeoutCause(context.Background(), CloseTimeout,
		fmt.Errorf("%w (%s)", errLate, CloseTimeout))
	defer cancel()
	code = worse(code, r.stopAll(ctx, r.admin))
	for i := len(r.dependencies) - 1; i >= 0; i-- {
		code = worse(code, r.stopAll(ctx, r.dependencies[i:i+1]))
	}
	return code
}

// stopServers stops the servers together, under one deadline. What is in flight
// then is noted before it is cut off.
func (r *run) stopServers() int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	deadline := time.AfterFunc(r.Config.ShutdownTimeout, func() {
		r.Traffic.Cut()
		cancel(ErrCut)
	})
	defer deadline.Stop()
	return r.stopAll(ctx, r.servers)
}

// errLate is the fate of a component that is neither a server nor stops in time,
// such as the pool of a database that does not answer.
var errLate = errors.New("did not stop in time")

// stopAll stops components together. One that does not return when ctx ends is
// left behind.
func (r *run) stopAll(ctx context.Context, components []Component) int {
	codes := make([]int, len(components))
	var stopping sync.WaitGroup
	for i, component := range components {
		stopping.Go(func() {
			err := bounded(ctx, component.Stop)
			switch {
			case errors.Is(err, errLate):
				// No request is lost by it: those have ended, one way or the other.
				r.Log.Warn("left behind", "name", component.Name(), "error", err.Error())
			case errors.Is(err, ErrCut):
				r.Log.Warn("cut off at the deadline", "name", component.Name(), "error", err.Error())
				codes[i] = ExitCut
			case err != nil:
				r.Log.Error("cannot stop", "name", component.Name(), "error", err.Error())
				codes[i] = ExitFailure
			default:
				r.Log.Debug("component stopped", "name", component.Name())
			}
		})
	}
	stopping.Wait()
	code := ExitOK
	for _, c := range codes {
		code = worse(code, c)
	}
	return code
}
