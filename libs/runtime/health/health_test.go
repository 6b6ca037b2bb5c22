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
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
)

func newState(change func(*health.Config)) *health.State {
	var settings health.Config
	config.Defaults(&settings)
	if change != nil {
		change(&settings)
	}
	return health.New(settings, slog.New(slog.DiscardHandler))
}

// dependency is something that a check looks at.
type dependency struct {
	away atomic.Bool
	runs atomic.Int32
}

func (d *dependency) check(context.Context) error {
	d.runs.Add(1)
	if d.away.Load() {
		return errors.New("away")
	}
	return nil
}

func wantReady(t *testing.T, state *health.State, when string, want bool) {
	t.Helper()
	synctest.Wait()
	if ready, _ := state.Ready(); ready != want || state.IsReady() != want {
		t.Errorf("%s: ready is %v and %v, want %v", when, ready, state.IsReady(), want)
	}
}

// Readiness needs open listeners and passing checks, follows a dependency after
// the tolerance, and returns.
func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := newState(nil)
		var database dependency
		database.away.Store(true)
		state.AddCheck(health.Check{Name: "database", Run: database.check})
		go state.Run(t.Context())
		wantReady(t, state, "at the start", false)
		state.Serving()
		wantReady(t, state, "while the check has never passed", false)
		database.away.Store(false)
		time.Sleep(health.RetryInterval)
		wantReady(t, state, "when the check passes", true)
		database.away.Store(true)
		time.Sleep(2*time.Second + 4900*time.Millisecond)
		wantReady(t, state, "within the tolerance", true)
		time.Sleep(100 * time.Millisecond)
		wantReady(t, state, "beyond the tolerance", false)
		database.away.Store(false)
		time.Sleep(health.RetryInterval)
		wantReady(t, state, "when it passes again", true)
	})
}

// A check must pass for the time that is set until readiness returns, and a
// failure meanwhile begins it anew.
func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := newState(func(c *health.Config) { c.Tolerance, c.Recovery = 0, 5*time.Second })
		var database dependency
		state.AddCheck(health.Check{Name: "database", Run: database.check, Interval: time.Second})
		go state.Run(t.Context())
		state.Serving()
		wantReady(t, state, "at the start", true)
		database.away.Store(true)
		time.Sleep(time.Second)
		wantReady(t, state, "without tolerance", false)
		database.away.Store(false)
		time.Sleep(4 * time.Second)
		wantReady(t, state, "while it recovers", false)
		if got := state.Report().Reasons[2]; got != (health.Reason{Name: "database", Detail: "passes again, not for long enough yet"}) {
			t.Errorf("while it recovers: the report says %+v", got)
		}
		database.away.Store(true)
		time.Sleep(time.Second)
		database.away.Store(false)
		time.Sleep(4 * time.Second)
		wantReady(t, state, "when the recovery began anew", false)
		time.Sleep(2 * time.Second)
		wantReady(t, state, "when it has passed for long enough", true)
	})
}

// A blip shorter than the tolerance changes nothing, and its failures are
// counted.
func TestBlip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := newState(nil)
		var database dependency
		state.AddCheck(health.Check{Name: "database", Run: database.check})
		go state.Run(t.Context())
		state.Serving()
		wantReady(t, state, "at the start", true)
		for range 10 {
			database.away.Store(true)
			time.Sleep(4 * time.Second)
			wantReady(t, state, "during a blip", true)
			database.away.Store(false)
			time.Sleep(3 * time.Second)
			wantReady(t, state, "after a blip", true)
		}
		result := state.Results()[0]
		if !result.OK || !result.Passing || result.Failures < 10 || result.Name != "database" {
			t.Errorf("the result is %+v, want a check that passes and has failed at least 10 times", result)
		}
	})
}

// A sticky check is not run again once it has passed.
func TestSticky(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := newState(nil)
		var schema dependency
		schema.away.Store(true)
		state.AddCheck(health.Check{Name: "schema", Run: schema.check, Sticky: true})
		go state.Run(t.Context())
		state.Serving()
		time.Sleep(time.Second)
		wantReady(t, state, "before it passes", false)
		schema.away.Store(false)
		time.Sleep(time.Second)
		wantReady(t, state, "when it has passed", true)
		runs := schema.runs.Load()
		schema.away.Store(true)
		time.Sleep(time.Hour)
		wantReady(t, state, "an hour later", true)
		if got := schema.runs.Load(); got != runs {
			t.Errorf("it ran %d times after it had passed", got-runs)
		}
	})
}

// A check that hangs, whether it listens to its context or not, takes readiness
// away after the tolerance and gives it back when it ends; one that panics
// fails.
func TestChecksThatMisbehave(t *testing.T) {
	for _, test := range []struct {
		name string
		hang func(context.Context, <-chan struct{}) error
	}{
		{"it listens to its context", func(ctx context.Context, _ <-chan struct{}) error {
			<-ctx.Done()
			return ctx.Err()
		}},
		{"it does not", func(_ context.Context, thaw <-chan struct{}) error {
			<-thaw
			return nil
		}},
		{"it panics", func(context.Context, <-chan struct{}) error { panic("oops") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				state := newState(nil)
				var hangs atomic.Bool
				thaw := make(chan struct{})
				state.AddCheck(health.Check{Name: "database", Run: func(ctx context.Context) error {
					if hangs.Load() {
						return test.hang(ctx, thaw)
					}
					return nil
				}})
				go state.Run(t.Context())
				state.Serving()
				wantReady(t, state, "at the start", true)
				hangs.Store(true)
				time.Sleep(2*time.Second + 4900*time.Millisecond)
				wantReady(t, state, "within the tolerance", true)
				time.Sleep(time.Second)
				wantReady(t, state, "beyond the tolerance", false)
				if state.Draining() {
					t.Error("a dependency that hangs is no reason to drain")
				}
				hangs.Store(false)
				close(thaw)
				time.Sleep(3 * time.Second)
				wantReady(t, state, "when it ends", true)
			})
		})
	}
}

// Draining takes readiness away at once, or, where nobody can take over, when
// the process leaves. Both are for good.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, stayReady := range []bool{false, true} {
			state := newState(nil)
			state.Serving()
			_, changed := state.Ready()
			state.Drain(stayReady)
			wantReady(t, state, "while draining", stayReady)
			if !state.Draining() {
				t.Error("Draining is false")
			}
			state.Leave()
			wantReady(t, state, "when leaving", false)
			state.Serving()
			wantReady(t, state, "after leaving", false)
			select {
			case <-changed:
			default:
				t.Error("nobody was told of the change")
			}
		}
	})
}

// Liveness follows the heartbeat, and nothing else.
func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := newState(nil)
		state.AddCheck(health.Check{Name: "database", Run: func(context.Context) error { return errors.New("away") }})
		go state.Run(t.Context())
		for range 3 {
			state.Beat()
			time.Sleep(health.StuckAfter)
			if !state.Alive() {
				t.Error("not alive though the heart beats")
			}
		}
		time.Sleep(time.Nanosecond)
		if state.Alive() {
			t.Error("alive though the heart has stopped")
		}
		state.Beat()
		if !state.Alive() {
			t.Error("not alive though the heart beats again")
		}
	})
}

// The report names what is missing.
func TestReport(t *testing.T) {
	state := newState(nil)
	state.AddCheck(health.Check{Name: "database", Run: func(context.Context) error { return nil }})
	state.Leave()
	want := health.Report{Reasons: []health.Reason{
		{Name: "serving", Detail: "listeners are not open yet"},
		{Name: "draining", Detail: "the process is stopping"},
		{Name: "database", Detail: "has not run yet"},
	}}
	if diff := cmp.Diff(want, state.Report()); diff != "" {
		t.Errorf("Report (-want +got):\n%s", diff)
	}
}

// A probe is answered from memory.
func BenchmarkIsReady(b *testing.B) {
	state := newState(nil)
	state.Serving()
	for b.Loop() {
		if !state.IsReady() || !state.Alive() {
			b.Fatal("not ready")
		}
		state.Beat()
	}
}
