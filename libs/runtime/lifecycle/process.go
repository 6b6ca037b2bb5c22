// Package lifecycle runs a process from its first instruction to its exit code:
// signals, start, readiness, drain, stop. docs/lifecycle.md has the time line.
package lifecycle

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Phase is where a process is in its life.
type Phase string

// Phases come in this order; one that fails to start is never Ready.
const (
	Starting Phase = "starting"
	Ready    Phase = "ready"
	Draining Phase = "draining"
	Stopped  Phase = "stopped"
)

// Process owns the signals of the process it runs in.
type Process struct {
	started time.Time
	signals chan os.Signal
	done    chan struct{}
	phase   atomic.Value
}

// Start installs the signal handlers. It is the first thing that a main does,
// so that no signal finds the process without them.
func Start() *Process {
	p := &Process{started: time.Now(), signals: make(chan os.Signal, 2), done: make(chan struct{})}
	p.phase.Store(Starting)
	signal.Notify(p.signals, syscall.SIGTERM, syscall.SIGINT)
	return p
}

// Phase returns where the process is. It is safe for concurrent use.
func (p *Process) Phase() Phase { return p.phase.Load().(Phase) }

// Context returns a context that ends with the first signal, for processes
// that do one job and exit. A second signal ends the process at once, with
// ExitForced. The function gives the signals back to the system.
func (p *Process) Context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for range 2 {
			select {
			case <-p.signals:
			case <-p.done:
				return
			}
			if ctx.Err() != nil {
				os.Exit(ExitForced)
			}
			cancel()
		}
	}()
	return ctx, sync.OnceFunc(func() {
		p.release()
		cancel()
	})
}

// release gives the signals back to the system and ends what waits for them.
func (p *Process) release() {
	signal.Stop(p.signals)
	close(p.done)
}
