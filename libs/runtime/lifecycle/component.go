package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"
)

// Component is a named part of a process.
type Component interface {
	// Name is a word for logs, such as "grpc".
	Name() string
	// Start makes the component usable: it opens a listener, say. It returns soon,
	// at the latest when ctx ends.
	Start(ctx context.Context) error
	// Run does the component's work until Stop is called, and then returns nil. It
	// is called after Start. When it fails, panics or returns too early, the whole
	// process stops.
	Run() error
	// Stop ends the work. A server waits for what is in flight; when ctx ends
	// first, it cuts off the rest and returns ErrCut.
	Stop(ctx context.Context) error
}

// ErrCut is returned by Component.Stop when work was cut off.
var ErrCut = errors.New("cut off at the deadline")

// Background returns a component that works beside the servers, such as an
// exporter: run does its work until stop is called.
func Background(name string, run func() error, stop func(context.Context) error) Component {
	return &background{name: name, run: run, stop: stop}
}

// Closer returns a component that only has to be closed at the end, such as a
// connection pool.
func Closer(name string, closeIt func()) Component {
	closed := make(chan struct{})
	return Background(name, func() error {
		<-closed
		return nil
	}, func(context.Context) error {
		defer close(closed)
		closeIt()
		return nil
	})
}

type background struct {
	name string
	run  func() error
	stop func(context.Context) error
}

func (b *background) Name() string { return b.name }

func (b *background) Start(context.Context) error { return nil }

func (b *background) Run() error { return b.run() }

func (b *background) Stop(ctx context.Context) error { return b.stop(ctx) }

// Traffic is the requests of a process, as far as stopping is about them.
type Traffic interface {
	// Leave asks what lasts to come to an end, spread over a time.
	Leave(spread time.Duration)
	// Cut notes that what is in flight is about to be cut off.
	Cut()
	// Drained says how many requests were cut off, and everything for the log.
	Drained() (cut int64, report slog.Value)
}

// failure is the end of a component that should have gone on.
type failure struct {
	component Component
	err       error
}

// guard calls f, one of the functions of a component, and turns a panic into an
// error that holds the stack.
func guard(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panicked: %v\n%s", cause, debug.Stack())
		}
	}()
	return f()
}

// moment is what a component has to come back once its time is over.
const moment = 500 * time.Millisecond

// bounded calls f as guard does and returns at the latest a moment after ctx has
// ended, with the reason for that: one component that hangs must not hang the
// process.
func bounded(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- guard(func() error { return f(ctx) }) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(moment):
		return context.Cause(ctx)
	}
}

// logListening writes where a component that has a listener can be reached.
func logListening(log *slog.Logger, component Component) {
	if listener, ok := component.(interface{ Addr() net.Addr }); ok {
		log.Info("listening", "name", component.Name(), "addr", listener.Addr().String())
	}
}
