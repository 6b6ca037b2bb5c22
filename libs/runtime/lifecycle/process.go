// Package lifecycle runs a process from its first instruction to its exit code:
// signals, start, readiness, drain, stop.
package lifecycle

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Exit codes of a server process. Package config exits with 2 when the
// configuration is wrong.
const (
	// ExitOK: stopped as asked, and nothing was cut off.
	ExitOK = 0
	// ExitFailure: a component failed.
	ExitFailure = 1
	// ExitCut: stopped as asked, but something was cut off at the deadline.
	ExitCut = 3
	// ExitForced: a second signal arrived while the process was stopping.
	ExitForced = 130
)

// Config is what can be set about stopping.
type Config struct {
	DrainDelay      time.Duration `config:"DRAIN_DELAY" default:"0s" doc:"how long to go on serving after SIGTERM, for load balancers to catch up"`
	ShutdownTimeout time.Duration `config:"SHUTDOWN_TIMEOUT" default:"20s" doc:"how long requests in flight may take after that before they are cut off"`
}

// Process owns the signals of the process it runs in.
type Process struct {
	started time.Time
	signals chan os.Signal
	done    chan struct{}
}

// Start installs the signal handlers. It is the first thing that a main does,
// so that no signal finds the process without them.
func Start() *Process {
	p := &Process{started: time.Now(), signals: make(chan os.Signal, 2), done: make(chan struct{})}
	signal.Notify(p.signals, syscall.SIGTERM, syscall.SIGINT)
	return p
}

// Context returns a context that ends with the first signal, for processes
// that do one job and exit. A second signal ends the process at once, with
// ExitForced. The function gives the signals back to the system.
func (p *Process) Context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-p.signals:
		case <-p.done:
			return
		}
		cancel()
		p.exitOnSignal(func(os.Signal) {})
	}()
	return ctx, sync.OnceFunc(func() {
		p.release()
		cancel()
	})
}

// exitOnSignal ends the process when somebody asks a second time. It returns
// when the process got to its end by itself.
func (p *Process) exitOnSignal(report func(os.Signal)) {
	select {
	case sig := <-p.signals:
		report(sig)
		os.Exit(ExitForced)
	case <-p.done:
	}
}

// release gives the signals back to the system and ends what waits for them.
func (p *Process) release() {
	signal.Stop(p.signals)
	close(p.done)
}
