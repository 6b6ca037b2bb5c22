package requests

import (
	"context"
	"sync/atomic"
	"time"
)

// inFlight is a context that carries its request: one allocation for both. It
// ends when the context below does, or at the request's deadline. The timer for
// that is made when somebody first waits for it: most requests are answered
// without, and a timer costs as much as all the counting.
type inFlight struct {
	context.Context
	request Request
	// deadline is zero when the context below has one.
	deadline time.Time
	timed    atomic.Pointer[timed]
}

type timed struct {
	context.Context
	cancel context.CancelFunc
}

type requestKey struct{}

// Value returns the request, or what the context below holds.
func (c *inFlight) Value(key any) any {
	if key == (requestKey{}) {
		return &c.request
	}
	if t := c.timed.Load(); t != nil {
		// Package context asks for its own there, to end what is made from this.
		return t.Value(key)
	}
	return c.Context.Value(key)
}

// Deadline returns the request's deadline.
func (c *inFlight) Deadline() (time.Time, bool) {
	if c.deadline.IsZero() {
		return c.Context.Deadline()
	}
	return c.deadline, true
}

// Done starts the timer.
func (c *inFlight) Done() <-chan struct{} {
	if c.deadline.IsZero() {
		return c.Context.Done()
	}
	if t := c.timed.Load(); t != nil {
		return t.Done()
	}
	made := &timed{}
	made.Context, made.cancel = context.WithDeadline(c.Context, c.deadline)
	if !c.timed.CompareAndSwap(nil, made) {
		made.cancel()
	}
	return c.timed.Load().Done()
}

// Err needs no timer.
func (c *inFlight) Err() error {
	if t := c.timed.Load(); t != nil {
		return t.Err()
	}
	if err := c.Context.Err(); err != nil {
		return err
	}
	if !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// end stops the timer. Where there is none, the transport's own context, which
// ends with the request, ends this one.
func (c *inFlight) end() {
	if t := c.timed.Load(); t != nil {
		t.cancel()
	}
}
