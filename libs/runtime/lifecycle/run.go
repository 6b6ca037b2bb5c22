package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/health"
)

// Server is a component that answers requests.
type Server interface {
	// Name is a word for logs, such as "grpc".
	Name() string
	// Listen opens the listener and returns its address.
	Listen() (net.Addr, error)
	// Serve answers requests until Shutdown is called, and then returns nil.
	Serve() error
	// Shutdown refuses new work and waits for what is in flight. When ctx ends
	// first, it cuts off the rest and returns ErrCut.
	Shutdown(ctx context.Context) error
}

// ErrCut is returned by Server.Shutdown when requests were cut off.
var ErrCut = errors.New("requests were cut off at the deadline")

// Dependency is something that servers use while they stop, such as a
// connection pool. It is closed after all of them.
type Dependency struct {
	// Name is a word for logs.
	Name string
	// Close gives it back.
	Close func()
}

// Plan names the parts of a process.
type Plan struct {
	Config Config
	Log    *slog.Logger
	Health *health.State
	// Servers are siblings: they start together and stop together.
	Servers []Server
	// Admin servers start with the others and stop after them, so that the drain
	// can be watched.
	Admin []Server
	// Dependencies are closed last, in reverse order.
	Dependencies []Dependency
}

// Run opens every listener, serves until a signal arrives or a component
// fails, drains, and returns the exit code of the process. It can be called
// once.
func (p *Process) Run(plan Plan) int {
	defer p.release()
	defer closeAll(plan)
	all := append(append([]Server(nil), plan.Servers...), plan.Admin...)
	for _, server := range all {
		addr, err := server.Listen()
		if err != nil {
			plan.Log.Error("cannot listen", "name", server.Name(), "error", err.Error())
			return ExitFailure
		}
		plan.Log.Info("listening", "name", server.Name(), "addr", addr.String())
	}
	failed := make(chan error, len(all))
	for _, server := range all {
		go func() { failed <- serve(server) }()
	}
	checks, stopChecks := context.WithCancel(context.Background())
	var background sync.WaitGroup
	background.Go(func() { plan.Health.Run(checks) })
	defer background.Wait()
	defer stopChecks()

	logReadiness(p.started, plan)
	plan.Health.Serving()
	code := p.wait(plan, failed)
	plan.Health.Drain()
	go p.exitOnSignal(func(sig os.Signal) { plan.Log.Warn("exiting at once", "signal", sig.String()) })
	if code == ExitOK {
		p.drain(plan, failed)
	}
	return max(code, p.stop(plan))
}

// serve turns a server that panics or returns early into an error.
func serve(server Server) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%s panicked: %v", server.Name(), cause)
		}
	}()
	if err := server.Serve(); err != nil {
		return fmt.Errorf("serving %s: %w", server.Name(), err)
	}
	return nil
}

// wait returns when there is a reason to stop.
func (p *Process) wait(plan Plan, failed <-chan error) int {
	select {
	case sig := <-p.signals:
		plan.Log.Info("draining", "signal", sig.String(), "delay", plan.Config.DrainDelay.String())
		return ExitOK
	case err := <-failed:
		if err == nil {
			err = errors.New("a server stopped by itself")
		}
		plan.Log.Error("component failed", "error", err.Error())
		return ExitFailure
	}
}

// drain goes on serving while load balancers learn that they should not send
// any more. A component that fails ends it.
func (p *Process) drain(plan Plan, failed <-chan error) {
	if plan.Config.DrainDelay <= 0 {
		return
	}
	select {
	case <-time.After(plan.Config.DrainDelay):
	case err := <-failed:
		plan.Log.Error("component failed while draining", "error", fmt.Sprint(err))
	}
}

// stop shuts all servers down, those for the admin last, under one deadline.
func (p *Process) stop(plan Plan) int {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), plan.Config.ShutdownTimeout)
	defer cancel()
	code := max(shutdown(ctx, plan.Log, plan.Servers), shutdown(ctx, plan.Log, plan.Admin))
	plan.Log.Info("stopped", "took", time.Since(begin).String(), "cut", code == ExitCut)
	return code
}

func shutdown(ctx context.Context, log *slog.Logger, servers []Server) int {
	codes := make([]int, len(servers))
	var stopping sync.WaitGroup
	for i, server := range servers {
		stopping.Go(func() {
			switch err := server.Shutdown(ctx); {
			case errors.Is(err, ErrCut):
				log.Warn("cut off at the deadline", "name", server.Name())
				codes[i] = ExitCut
			case err != nil:
				log.Error("cannot shut down", "name", server.Name(), "error", err.Error())
				codes[i] = ExitFailure
			}
		})
	}
	stopping.Wait()
	code := ExitOK
	for _, c := range codes {
		code = max(code, c)
	}
	return code
}

// logReadiness writes one line whenever readiness changes; the first one says
// how long the start took.
func logReadiness(started time.Time, plan Plan) {
	var was bool
	plan.Health.Watch(func(ready bool) {
		switch {
		case ready && !was:
			plan.Log.Info("ready", "after", time.Since(started).String())
		case !ready && was:
			plan.Log.Info("not ready")
		}
		was = ready
	})
}

func closeAll(plan Plan) {
	for i := len(plan.Dependencies) - 1; i >= 0; i-- {
		plan.Dependencies[i].Close()
		plan.Log.Debug("closed", "name", plan.Dependencies[i].Name)
	}
}
