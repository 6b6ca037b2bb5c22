package usecase_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// enrol puts a contact into a new active playbook.
func enrol(t *testing.T, service *usecase.Service, steps ...domain.Step) domain.Enrolment {
	t.Helper()
	playbook := create(t, service, steps...)
	if _, err := service.ActivatePlaybook(t.Context(), workspace, playbook.ID, 0); err != nil {
		t.Fatal(err)
	}
	enrolment, err := service.EnrolContact(t.Context(), workspace, playbook.ID, "c")
	if err != nil {
		t.Fatal(err)
	}
	return enrolment
}

// claimOne claims the one task that there is.
func claimOne(t *testing.T, service *usecase.Service) (domain.Task, usecase.Lease) {
	t.Helper()
	tasks, err := service.ClaimTasks(t.Context(), workspace, "h", 10, time.Hour)
	if err != nil || len(tasks) != 1 {
		t.Fatalf("ClaimTasks: got %+v, %v; want one task", tasks, err)
	}
	return tasks[0], usecase.Lease{TaskID: tasks[0].ID, Token: tasks[0].LeaseToken}
}

// A contact goes through a playbook by its tasks alone, past what only waits, and a
// step that was done can be reported twice.
func TestTasksToTheEnd(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	enrolment := enrol(t, service,
		domain.Step{Kind: domain.StepWait, Title: "w"}, domain.Step{Kind: domain.StepEmail, Title: "e"},
		domain.Step{Kind: domain.StepWait, Title: "w"}, domain.Step{Kind: domain.StepCall, Title: "c"},
		domain.Step{Kind: domain.StepWait, Title: "w", Delay: time.Hour})
	for _, step := range []struct {
		index int
		kind  domain.StepKind
	}{{1, domain.StepEmail}, {3, domain.StepCall}} {
		task, lease := claimOne(t, service)
		if task.Step != step.index || task.Kind != step.kind || task.EnrolmentID != enrolment.ID {
			t.Errorf("the task is %+v, want step %d, %s", task, step.index, step.kind)
		}
		for range 2 {
			done, err := service.CompleteTask(ctx, workspace, lease, "done")
			if err != nil || done.State != domain.TaskDone || done.Outcome != "done" {
				t.Errorf("CompleteTask: got %+v, %v", done, err)
			}
		}
	}
	got, err := service.GetEnrolment(ctx, workspace, enrolment.ID)
	if err != nil || got.State != domain.EnrolmentCompleted || got.CurrentStep != 3 {
		t.Errorf("the enrolment is %+v, %v; want it completed at step 3", got, err)
	}
	if tasks, err := service.ClaimTasks(ctx, workspace, "h", 10, 0); err != nil || len(tasks) != 0 {
		t.Errorf("ClaimTasks after the end: got %+v, %v", tasks, err)
	}
}

// The steps of an enrolment are those of the revision that it began in.
func TestTasksOfARevision(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	enrolment := enrol(t, service, domain.Step{Kind: domain.StepEmail, Title: "old 1"}, domain.Step{Kind: domain.StepEmail, Title: "old 2"})
	steps := []domain.Step{{Kind: domain.StepCall, Title: "new"}}
	if _, err := service.UpdatePlaybook(ctx, workspace, enrolment.PlaybookID, 0, domain.Change{Steps: &steps}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"old 1", "old 2"} {
		task, lease := claimOne(t, service)
		if task.Title != want {
			t.Errorf("the task is %q, want %q", task.Title, want)
		}
		if _, err := service.CompleteTask(ctx, workspace, lease, "o"); err != nil {
			t.Fatal(err)
		}
	}
}

// A failure puts the next attempt off, and can be reported twice.
func TestFailTask(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	enrol(t, service, domain.Step{Kind: domain.StepCall, Title: "c"})
	_, lease := claimOne(t, service)
	before := time.Now()
	var first domain.Task
	for n := range 2 {
		failed, err := service.FailTask(ctx, workspace, lease, "busy")
		if err != nil || failed.State != domain.TaskPending || failed.Attempts != 1 {
			t.Fatalf("FailTask: got %+v, %v", failed, err)
		}
		if wait := failed.ClaimableAt.Sub(before); wait < time.Minute-time.Second || wait > time.Minute+30*time.Second {
			t.Errorf("it can be claimed after %s, want a minute", wait)
		}
		if n == 0 {
			first = failed
		} else if failed != first {
			t.Errorf("the second report made %+v of %+v", failed, first)
		}
	}
}

// overtaken is a store to which somebody else comes first when a task is to end.
type overtaken struct {
	usecase.Store
	first func()
}

func (o overtaken) CompleteTask(ctx context.Context, workspace domain.Workspace, lease usecase.Lease, outcome string, next *usecase.NextTask) (domain.Task, error) {
	o.first()
	return o.Store.CompleteTask(ctx, workspace, lease, outcome, next)
}

func (o overtaken) FailTask(ctx context.Context, workspace domain.Workspace, lease usecase.Lease, outcome string, after time.Duration, again bool) (domain.Task, error) {
	o.first()
	return o.Store.FailTask(ctx, workspace, lease, outcome, after, again)
}

// What is reported a second time while the first report is under way is answered as
// the first; what contradicts it is refused.
func TestEndTaskMeanwhile(t *testing.T) {
	complete, fail := (*usecase.Service).CompleteTask, (*usecase.Service).FailTask
	for _, test := range []struct {
		name          string
		attempts      int
		first, second func(*usecase.Service, context.Context, domain.Workspace, usecase.Lease, string) (domain.Task, error)
		want          domain.TaskState // empty where the second is refused
	}{
		{"completed twice", 1, complete, complete, domain.TaskDone},
		{"failed twice", 1, fail, fail, domain.TaskPending},
		{"failed twice for good", 5, fail, fail, domain.TaskFailed},
		{"completed after a failure", 1, fail, complete, ""},
		{"failed after it was completed", 1, complete, fail, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, store := t.Context(), newStore(t)
			service := serviceOn(store)
			enrol(t, service, domain.Step{Kind: domain.StepCall, Title: "c"})
			for n := range test.attempts - 1 {
				over := domain.Claim{Holder: "h", Limit: 1, Token: id(900 + n), Lease: -time.Second}
				if _, err := store.ClaimTasks(ctx, workspace, over); err != nil {
					t.Fatal(err)
				}
			}
			_, lease := claimOne(t, service)
			var first domain.Task
			second, err := test.second(serviceOn(overtaken{store, func() {
				var err error
				if first, err = test.first(service, ctx, workspace, lease, "o"); err != nil {
					t.Fatal(err)
				}
			}}), ctx, workspace, lease, "o")
			if test.want == "" {
				if domain.KindOf(err) != domain.FailedPrecondition {
					t.Errorf("got %+v, %v, want that it is refused", second, err)
				}
				return
			}
			if err != nil || second != first || second.State != test.want {
				t.Errorf("got %+v, %v after %+v, want it %s", second, err, first, test.want)
			}
		})
	}
}

// Requests that hold mistakes have their kinds.
func TestTaskErrors(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	second := func(_ any, err error) error { return err }
	lease := usecase.Lease{TaskID: id(99), Token: id(98)}
	for _, test := range []struct {
		name string
		err  error
		want domain.Kind
	}{
		{"claim for nobody", second(service.ClaimTasks(ctx, workspace, "", 1, 0)), domain.Invalid},
		{"get a bad ID", second(service.GetTask(ctx, workspace, "x")), domain.Invalid},
		{"get a missing one", second(service.GetTask(ctx, workspace, id(99))), domain.NotFound},
		{"renew for too long", second(service.RenewTask(ctx, workspace, lease, 13*time.Hour)), domain.Invalid},
		{"renew with a bad ID", second(service.RenewTask(ctx, workspace, usecase.Lease{TaskID: "x", Token: id(98)}, 0)), domain.Invalid},
		{"renew with a bad token", second(service.RenewTask(ctx, workspace, usecase.Lease{TaskID: id(99)}, 0)), domain.Invalid},
		{"renew a missing one", second(service.RenewTask(ctx, workspace, lease, 0)), domain.NotFound},
		{"complete without an outcome", second(service.CompleteTask(ctx, workspace, lease, "")), domain.Invalid},
		{"complete a missing one", second(service.CompleteTask(ctx, workspace, lease, "o")), domain.NotFound},
		{"fail without an outcome", second(service.FailTask(ctx, workspace, lease, "")), domain.Invalid},
		{"fail a missing one", second(service.FailTask(ctx, workspace, lease, "o")), domain.NotFound},
	} {
		if got := domain.KindOf(test.err); got != test.want {
			t.Errorf("%s: got kind %v (%v), want %v", test.name, got, test.err, test.want)
		}
	}
}

// A watch tells of what can be claimed, once, of what appears, and of what can be
// claimed again; and it ends as its caller wants.
func TestWatchTasks(t *testing.T) {
	service := newService(t)
	call := domain.Step{Kind: domain.StepCall, Title: "c"}
	first := enrol(t, service, call, call)
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan domain.Task)
	ended := make(chan error, 1)
	go func() {
		ended <- service.WatchTasks(ctx, workspace, func(task domain.Task) error {
			select {
			case told <- task:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	want := func(what string, enrolment domain.Enrolment, step int) {
		t.Helper()
		select {
		case task := <-told:
			if task.EnrolmentID != enrolment.ID || task.Step != step {
				t.Errorf("%s: got %+v", what, task)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nobody was told", what)
		}
	}
	want("what was there", first, 0)
	second := enrol(t, service, call)
	want("what appears", second, 0)
	tasks, err := service.ClaimTasks(t.Context(), workspace, "h", 2, time.Second)
	if err != nil || len(tasks) != 2 {
		t.Fatalf("ClaimTasks: got %v, %v", tasks, err)
	}
	if _, err := service.CompleteTask(t.Context(), workspace, usecase.Lease{TaskID: tasks[0].ID, Token: tasks[0].LeaseToken}, "o"); err != nil {
		t.Fatal(err)
	}
	// IDs are counted, so that the order is known.
	want("the next step", first, 1)
	want("what nobody completed in time", second, 0)
	select {
	case task := <-told:
		t.Errorf("%+v was told again", task)
	case <-time.After(500 * time.Millisecond):
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ended with %v", err)
	}
	broken := errors.New("broken")
	if err := service.WatchTasks(t.Context(), workspace, func(domain.Task) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a watch whose receiver fails ended with %v", err)
	}
}
