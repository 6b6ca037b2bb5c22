// Package health holds the one answer of a process to "are you alive?" and
// "should you get traffic?". Checks run in the background and every transport
// reads their outcome from memory, so that a probe takes no longer when a
// dependency does.
package health

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// State is the health of a process. Make it with New; it is safe for concurrent
// use.
type State struct {
	config  Config
	log     *slog.Logger
	started time.Time
	// beat is when the heart beat last, in nanoseconds since started.
	beat atomic.Int64
	// seen is what probes read, without a lock.
	seen atomic.Pointer[snapshot]

	mu       sync.Mutex
	serving  bool
	draining bool
	leaving  bool
	wasReady bool
	checks   []*check
	changed  chan struct{}
}

// snapshot is a State at a moment. It is never changed.
type snapshot struct {
	draining bool
	report   Report
	results  []Result
}

// New returns the state of a process that is starting: alive, not ready. It
// logs when a check begins to fail and when it passes again, and the same of
// readiness.
func New(config Config, log *slog.Logger) *State {
	s := &State{config: config, log: log, started: time.Now(), changed: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.update()
	return s
}

// AddCheck makes readiness depend on a check. It must be called before Run.
func (s *State) AddCheck(add Check) {
	if add.Interval == 0 {
		add.Interval = s.config.Interval
	}
	if add.Timeout == 0 {
		add.Timeout = s.config.Timeout
	}
	c := &check{Check: add, err: errNotRun}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.timer = time.AfterFunc(time.Hour, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.judge(c, time.Now())
	})
	c.timer.Stop()
	s.checks = append(s.checks, c)
	s.update()
}

// Run runs the checks until ctx ends.
func (s *State) Run(ctx context.Context) {
	s.mu.Lock()
	checks := slices.Clone(s.checks)
	s.mu.Unlock()
	var running sync.WaitGroup
	for _, c := range checks {
		running.Go(func() { s.repeat(ctx, c) })
	}
	running.Wait()
	for _, c := range checks {
		c.timer.Stop()
	}
}

// Serving says that every listener accepts connections.
func (s *State) Serving() { s.change(func() { s.serving = true }) }

// Drain says that the process is about to stop. Readiness turns false, for
// good, unless stayReady is set: then it does so with Leave.
func (s *State) Drain(stayReady bool) {
	s.change(func() { s.draining, s.leaving = true, s.leaving || !stayReady })
}

// Leave turns readiness false for good.
func (s *State) Leave() { s.change(func() { s.draining, s.leaving = true, true }) }

func (s *State) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.update()
}

// update publishes what probes see, and tells who waits for a change of
// readiness. The caller holds mu.
func (s *State) update() {
	next := &snapshot{draining: s.draining, report: Report{Ready: s.serving && !s.leaving, Reasons: []Reason{
		reason("serving", s.serving, "listeners are not open yet"),
		reason("draining", !s.leaving, "the process is stopping"),
	}}}
	for _, c := range s.checks {
		next.report.Ready = next.report.Ready && c.ok
		next.report.Reasons = append(next.report.Reasons, c.reason())
		next.results = append(next.results, Result{
			Name: c.Name, OK: c.ok, Passing: c.err == nil, Took: c.took, Failures: c.failures,
		})
	}
	last := s.seen.Swap(next)
	if last == nil || last.report.Ready == next.report.Ready {
		return
	}
	switch {
	case next.report.Ready && s.wasReady:
		s.log.Info("ready again")
	case !next.report.Ready && !s.leaving:
		s.log.Warn("not ready")
	}
	s.wasReady = s.wasReady || next.report.Ready
	close(s.changed)
	s.changed = make(chan struct{})
}

// Ready says whether the process should get traffic, and returns a channel that
// is closed when that changes.
func (s *State) Ready() (ready bool, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.Load().report.Ready, s.changed
}

// IsReady says whether the process should get traffic, without a lock.
func (s *State) IsReady() bool { return s.seen.Load().report.Ready }

// Draining says whether the process is about to stop.
func (s *State) Draining() bool { return s.seen.Load().draining }

// Beat is called by the runtime every BeatInterval, from the loop that waits for
// signals. It goes through State's lock: a process whose loop or whose health is
// stuck has no heartbeat.
func (s *State) Beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat.Store(int64(time.Since(s.started)))
}

// Alive says whether the heart has beaten lately. It looks at nothing else: a
// dependency that is away is no reason to restart the process.
func (s *State) Alive() bool {
	return time.Since(s.started)-time.Duration(s.beat.Load()) <= StuckAfter
}
