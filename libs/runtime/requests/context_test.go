package requests_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/requests"
)

// A request without a deadline gets one, and one that has its own keeps it.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		traffic := newTracker(t, 10).Transport("http")
		below, cancel := context.WithCancel(t.Context())
		defer cancel()
		ctx, request := traffic.Begin(below, "x", requests.Incoming{Timeout: time.Minute})
		deadline, has := ctx.Deadline()
		if !has || time.Until(deadline) != time.Minute || ctx.Err() != nil {
			t.Errorf("the deadline is in %s, %v; %v", time.Until(deadline), has, ctx.Err())
		}
		derived, stop := context.WithCancel(ctx)
		defer stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, late := range []context.Context{ctx, derived} {
			<-late.Done()
			if !errors.Is(late.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(late), context.DeadlineExceeded) {
				t.Errorf("at the deadline: %v, %v", late.Err(), context.Cause(late))
			}
		}
		if requests.From(derived) != request {
			t.Error("what is made from the context does not know its request")
		}
		request.End(requests.Result{Code: "504", Outcome: requests.Failed})

		own, stopOwn := context.WithTimeout(below, time.Second)
		defer stopOwn()
		ctx, request = traffic.Begin(own, "x", requests.Incoming{Timeout: time.Minute})
		if deadline, _ := ctx.Deadline(); time.Until(deadline) != time.Second {
			t.Errorf("the deadline is in %s, want that of the caller", time.Until(deadline))
		}
		request.End(requests.Result{Code: "200", Outcome: requests.OK})
	})
}

// The deadline is there for those who look at the time only, and for those who
// wait; both see the caller leave, and the request end.
func TestDeadlineIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		traffic := newTracker(t, 10).Transport("http")
		begin := func() (context.Context, *requests.Request, context.CancelFunc) {
			below, leave := context.WithCancel(t.Context())
			ctx, request := traffic.Begin(below, "x", requests.Incoming{Timeout: time.Minute})
			return ctx, request, leave
		}
		end := requests.Result{Code: "200", Outcome: requests.OK}

		ctx, request, leave := begin()
		time.Sleep(2 * time.Minute)
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("nobody waited, and at the deadline Err is %v", ctx.Err())
		}
		request.End(end)
		leave()

		ctx, request, leave = begin()
		leave()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("nobody waited, the caller left, and Err is %v", ctx.Err())
		}
		<-ctx.Done()
		request.End(end)

		ctx, request, leave = begin()
		waiting := ctx.Done()
		request.End(end)
		<-waiting
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("the request ended, and Err is %v", ctx.Err())
		}
		leave()
	})
}
