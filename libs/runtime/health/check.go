package health

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Check is one condition of readiness.
type Check struct {
	// Name stands in reports, logs and metrics.
	Name string
	// Run returns nil when the condition holds. It should end with its context; a
	// run that does not is counted as failed and not started twice.
	Run func(context.Context) error
	// Interval and Timeout replace those of Config where they are not zero.
	Interval, Timeout time.Duration
	// Sticky checks are not run again once they have passed.
	Sticky bool
}

// check is a Check with what is known of it. State's mutex guards it.
type check struct {
	Check
	// passed says whether the check has ever passed; until then no tolerance is
	// due to it.
	passed bool
	// ok is what readiness goes by.
	ok bool
	// err is the outcome of the last run, and since is when outcomes became like
	// it.
	err   error
	since time.Time
	// took is how long the last run took.
	took time.Duration
	// failures counts the runs that failed.
	failures uint64
	// timer judges the check again when a window has passed.
	timer *time.Timer
}

var (
	errNotRun   = errors.New("has not run yet")
	errTooLate  = errors.New("did not end in time")
	errPanicked = errors.New("panicked")
)

// repeat runs a check until ctx ends, or until it passes if it is sticky.
func (s *State) repeat(ctx context.Context, c *check) {
	for {
		began := time.Now()
		err := s.attempt(ctx, c, began)
		if ctx.Err() != nil {
			return
		}
		s.record(c, err, began)
		if err == nil && c.Sticky {
			return
		}
		pause := c.Interval
		if err != nil {
			pause = min(pause, RetryInterval)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// attempt runs a check once. When it does not end in time that is recorded at
// once; the next run waits for the end of this one, whose outcome comes too late
// to count.
func (s *State) attempt(ctx context.Context, c *check, began time.Time) error {
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	outcome := make(chan error, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				outcome <- fmt.Errorf("%w: %v", errPanicked, cause)
			}
		}()
		outcome <- c.Run(limited)
	}()
	select {
	case err := <-outcome:
		return err
	case <-limited.Done():
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	select {
	case err := <-outcome:
		// It ended with its context, as it should.
		if err == nil {
			err = errTooLate
		}
		return err
	case <-time.After(RetryInterval):
	}
	s.record(c, errTooLate, began)
	select {
	case <-outcome:
	case <-ctx.Done():
	}
	return errTooLate
}

// record notes the outcome of a run.
func (s *State) record(c *check, err error, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	c.took = now.Sub(began)
	if err != nil {
		c.failures++
	}
	if first := errors.Is(c.err, errNotRun); first || (err == nil) != (c.err == nil) {
		// A dependency was away from when the run began that noticed it.
		c.since = began
		switch {
		case err != nil:
			s.log.Warn("health check fails", "check", c.Name, "error", err.Error())
		case !first:
			c.since = now
			s.log.Info("health check passes again", "check", c.Name)
		}
	}
	c.err = err
	s.judge(c, now)
}

// judge decides whether readiness follows the outcome of a check, or waits. The
// caller holds mu.
func (s *State) judge(c *check, now time.Time) {
	passing := c.err == nil
	switch {
	case passing == c.ok:
		c.timer.Stop()
	case !c.passed:
		c.ok, c.passed = passing, passing
	default:
		window := s.config.Recovery
		if !passing {
			window = s.config.Tolerance
		}
		if left := window - now.Sub(c.since); left > 0 {
			c.timer.Reset(left)
			break
		}
		c.ok = passing
	}
	s.update()
}
