// Package health holds the one answer of a process to "are you alive?" and
// "should you get traffic?". Every transport reads it from memory; the checks
// run in the background, so a slow dependency never slows a probe.
package health

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Settings of the background checks.
const (
	// Interval is the time between two runs of a check that passes.
	Interval = 2 * time.Second
	// RetryInterval is the time between two runs of a check that fails.
	RetryInterval = 200 * time.Millisecond
	// Timeout bounds one run of a check.
	Timeout = 2 * time.Second
	// Tolerance is how long a check that passed before may fail until readiness
	// follows: a blip of the database must not empty the Service.
	Tolerance = 5 * time.Second
)

// State is the health of a process. Make it with New; it is safe for concurrent
// use.
type State struct {
	log      *slog.Logger
	mu       sync.Mutex
	serving  bool
	draining bool
	checks   []*check
	ready    bool
	watchers []func(ready bool)
}

type check struct {
	name string
	run  func(context.Context) error
	// passed is when the check passed last; zero until it first does.
	passed time.Time
	err    error
	ok     bool
}

// New returns the state of a process that is starting: alive, not ready. It
// logs when a check begins to fail and when it passes again.
func New(log *slog.Logger) *State { return &State{log: log} }

// AddCheck makes readiness depend on run, under a name for reports. It must be
// called before Run.
func (s *State) AddCheck(name string, run func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checks = append(s.checks, &check{name: name, run: run})
}

// Watch calls f with the present readiness and then on every change, one call
// at a time. f must return quickly and must not call the State.
func (s *State) Watch(f func(ready bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, f)
	f(s.ready)
}

// Serving says that every listener accepts connections.
func (s *State) Serving() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving = true
	s.update()
}

// Drain turns readiness false for good.
func (s *State) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	s.update()
}

// Run runs the checks until ctx ends.
func (s *State) Run(ctx context.Context) {
	s.mu.Lock()
	checks := s.checks
	s.mu.Unlock()
	var running sync.WaitGroup
	for _, c := range checks {
		running.Go(func() { s.repeat(ctx, c) })
	}
	running.Wait()
}

func (s *State) repeat(ctx context.Context, c *check) {
	for {
		attempt, cancel := context.WithTimeout(ctx, Timeout)
		err := c.run(attempt)
		cancel()
		if ctx.Err() != nil {
			return
		}
		s.record(c, err, time.Now())
		pause := Interval
		if err != nil {
			pause = RetryInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (s *State) record(c *check, err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && c.err == nil:
		s.log.Warn("health check fails", "check", c.name, "error", err.Error())
	case err == nil && c.err != nil:
		s.log.Info("health check passes again", "check", c.name)
	}
	c.err = err
	if err == nil {
		c.passed = now
	}
	c.ok = !c.passed.IsZero() && now.Sub(c.passed) <= Tolerance
	s.update()
}

// update works out readiness and tells the watchers. The caller holds mu.
func (s *State) update() {
	ready := s.serving && !s.draining
	for _, c := range s.checks {
		ready = ready && c.ok
	}
	if ready == s.ready {
		return
	}
	s.ready = ready
	for _, watcher := range s.watchers {
		watcher(ready)
	}
}

// Ready says whether the process should get traffic.
func (s *State) Ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// Draining says whether the process is about to stop.
func (s *State) Draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// Report is readiness with its reasons.
type Report struct {
	Ready bool `json:"ready"`
	// Reasons holds one entry per condition.
	Reasons []Reason `json:"reasons"`
}

// Reason is one condition of readiness.
type Reason struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail is for people; it names no address and no secret.
	Detail string `json:"detail,omitempty"`
}

// Report returns readiness with its reasons.
func (s *State) Report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	report := Report{Ready: s.ready, Reasons: []Reason{
		{Name: "serving", OK: s.serving, Detail: detail(s.serving, "listeners are not open yet")},
		{Name: "draining", OK: !s.draining, Detail: detail(!s.draining, "the process is stopping")},
	}}
	for _, c := range s.checks {
		// The error itself may name hosts and users; it belongs into the log, and
		// this report is served to whoever asks.
		text := "does not pass"
		switch {
		case c.err == nil && c.passed.IsZero():
			text = "has not run yet"
		case c.ok && c.err != nil:
			report.Reasons = append(report.Reasons, Reason{Name: c.name, OK: true, Detail: "fails, within tolerance"})
			continue
		}
		report.Reasons = append(report.Reasons, Reason{Name: c.name, OK: c.ok, Detail: detail(c.ok, text)})
	}
	return report
}

func detail(ok bool, text string) string {
	if ok {
		return ""
	}
	return text
}
