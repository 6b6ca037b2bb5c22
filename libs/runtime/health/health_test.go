package health_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
)

func newState() *health.State { return health.New(slog.New(slog.DiscardHandler)) }

// Readiness needs open listeners, passing checks and no drain, and watchers
// hear of each change.
func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := newState()
		var failing atomic.Bool
		failing.Store(true)
		state.AddCheck("database", func(context.Context) error {
			if failing.Load() {
				return errors.New("away")
			}
			return nil
		})
		var changes []bool
		state.Watch(func(ready bool) { changes = append(changes, ready) })
		go state.Run(t.Context())
		expect := func(when string, want bool) {
			t.Helper()
			synctest.Wait()
			if got := state.Ready(); got != want {
				t.Errorf("%s: ready is %v, want %v", when, got, want)
			}
		}
		expect("at the start", false)
		state.Serving()
		expect("while the check fails", false)
		failing.Store(false)
		time.Sleep(health.RetryInterval)
		expect("when the check passes", true)
		failing.Store(true)
		time.Sleep(health.Interval)
		expect("within the tolerance", true)
		time.Sleep(health.Tolerance)
		expect("beyond the tolerance", false)
		failing.Store(false)
		time.Sleep(health.RetryInterval)
		expect("when it passes again", true)
		state.Drain()
		expect("while draining", false)
		time.Sleep(time.Minute)
		expect("draining is for good", false)
		if diff := cmp.Diff([]bool{false, true, false, true, false}, changes); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
}

// A check that hangs neither delays a probe nor lasts for ever.
func TestHangingCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := newState()
		var runs atomic.Int32
		state.AddCheck("database", func(ctx context.Context) error {
			runs.Add(1)
			<-ctx.Done()
			return ctx.Err()
		})
		go state.Run(t.Context())
		state.Serving()
		time.Sleep(3 * (health.Timeout + health.RetryInterval))
		synctest.Wait()
		if state.Ready() || runs.Load() < 3 {
			t.Errorf("ready is %v after %d runs, want false after at least 3", state.Ready(), runs.Load())
		}
	})
}

// The report names what is missing.
func TestReport(t *testing.T) {
	state := newState()
	state.AddCheck("database", func(context.Context) error { return nil })
	state.Drain()
	want := health.Report{Reasons: []health.Reason{
		{Name: "serving", Detail: "listeners are not open yet"},
		{Name: "draining", Detail: "the process is stopping"},
		{Name: "database", Detail: "has not run yet"},
	}}
	if diff := cmp.Diff(want, state.Report()); diff != "" {
		t.Errorf("Report (-want +got):\n%s", diff)
	}
}
