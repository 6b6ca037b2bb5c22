package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/testing/long"
)

func newEvent(n int, kind domain.EventType, contact string) domain.Event {
	return domain.Event{Provider: "mailer", ID: fmt.Sprintf("evt-%d ☎", n), Type: kind, Contact: contact, OccurredAt: epoch}
}

func apply(t *testing.T, store Store, event domain.Event, want int) {
	t.Helper()
	moved, err := store.ApplyEvent(t.Context(), workspace, event, epoch)
	if err != nil {
		t.Fatalf("ApplyEvent: %v", err)
	}
	if moved != want {
		t.Errorf("%s of %s moved %d enrolments, want %d", event.Type, event.Contact, moved, want)
	}
}

// enrol stores an enrolment in a state.
func enrol(t *testing.T, store Store, n int, playbook domain.Playbook, contact string, state domain.EnrolmentState) {
	t.Helper()
	enrolment := newEnrolment(t, n, playbook, contact)
	enrolment.State = state
	if err := store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment)); err != nil {
		t.Fatalf("CreateEnrolment: %v", err)
	}
}

func wantState(t *testing.T, store Store, n int, want domain.EnrolmentState) {
	t.Helper()
	got, err := store.Enrolment(t.Context(), workspace, id(n))
	if err != nil {
		t.Fatalf("Enrolment: %v", err)
	}
	if got.State != want {
		t.Errorf("enrolment %d is %s, want %s", n, got.State, want)
	}
}

// An event moves the live enrolments of its contact in all playbooks with their
// tasks, and no others.
func applyEvent(t *testing.T, store Store) {
	first, second := createActive(t, store, 1), createActive(t, store, 2)
	for i, kind := range domain.EventTypes() {
		contact, n := string(kind), 10*(i+1)
		enrol(t, store, n, first, contact, domain.EnrolmentActive)
		enrol(t, store, n+1, second, contact, domain.EnrolmentPaused)
		enrol(t, store, n+2, first, contact, domain.EnrolmentCompleted)
		enrol(t, store, n+3, first, contact+"x", domain.EnrolmentActive)
		if moved, err := store.ApplyEvent(t.Context(), stranger, newEvent(i, kind, contact), epoch); moved != 0 || err != nil {
			t.Errorf("ApplyEvent in another workspace: got %d, %v", moved, err)
		}
		wantState(t, store, n, domain.EnrolmentActive)
		effect, moved := domain.EnrolmentCancelled, 2
		if kind == domain.EventBounce {
			effect, moved = domain.EnrolmentPaused, 1
		}
		apply(t, store, newEvent(i, kind, contact), moved)
		wantState(t, store, n, effect)
		wantState(t, store, n+1, effect)
		wantState(t, store, n+2, domain.EnrolmentCompleted)
		wantState(t, store, n+3, domain.EnrolmentActive)
		task := domain.TaskPending
		if effect == domain.EnrolmentCancelled {
			task = domain.TaskCancelled
		}
		for i, want := range []domain.TaskState{task, task, domain.TaskPending, domain.TaskPending} {
			if got := readTask(t, store, taskID(id(n+i))); got.State != want {
				t.Errorf("the task of enrolment %d is %s, want %s", n+i, got.State, want)
			}
		}
	}
}

// What is told twice is applied once: what came after it stays. Another provider
// means another event by the same name.
func applyEventTwice(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	enrol(t, store, 10, playbook, "c", domain.EnrolmentActive)
	event := newEvent(1, domain.EventReply, "c")
	apply(t, store, event, 1)
	enrol(t, store, 11, playbook, "c", domain.EnrolmentActive)
	apply(t, store, event, 0)
	wantState(t, store, 11, domain.EnrolmentActive)
	other := event
	other.Provider = "dialler"
	apply(t, store, other, 1)
	wantState(t, store, 11, domain.EnrolmentCancelled)
}

// EventAmidCompletions tests a store on an empty database: whether a task is completed
// before an event or after it, none is left to do for an enrolment that was cancelled.
// It is not part of Run, of which every statement is kept in its order.
func EventAmidCompletions(t *testing.T, store Store) {
	const playbooks = 8
	for n := range playbooks {
		enrol(t, store, 10+n, createActive(t, store, 100+n), "c", domain.EnrolmentActive)
	}
	if claimed := claim(t, store, domain.MaxClaim, token(1), hour); len(claimed) != playbooks {
		t.Fatalf("ClaimTasks: got %+v", claimed)
	}
	next := func(n int) string { return id(50 + n) }
	var group sync.WaitGroup
	for n := range playbooks {
		group.Go(func() {
			lease := usecase.Lease{TaskID: taskID(id(10 + n)), Token: token(1)}
			_, err := store.CompleteTask(t.Context(), workspace, lease, "o",
				&usecase.NextTask{ID: next(n), Work: domain.Work{Step: 1, Kind: domain.StepCall, Title: "c"}})
			if err != nil {
				wantKind(t, "a completion that came too late", err, domain.FailedPrecondition)
			}
		})
	}
	apply(t, store, newEvent(1, domain.EventReply, "c"), playbooks)
	group.Wait()
	for n := range playbooks {
		task, err := store.Task(t.Context(), workspace, next(n))
		if domain.KindOf(err) == domain.NotFound {
			task = readTask(t, store, taskID(id(10+n)))
		}
		if task.State != domain.TaskCancelled {
			t.Errorf("what is left of enrolment %d is %+v, want a cancelled task", 10+n, task)
		}
	}
}

// ThousandEvents tests a store on an empty database: of a thousand who tell the same
// at once, one is heard. It is not part of Run, of which every statement is kept.
func ThousandEvents(t *testing.T, store Store) {
	long.Test(t)
	const callers, atOnce = 1000, 32
	enrol(t, store, 10, createActive(t, store, 1), "c", domain.EnrolmentActive)
	turns, results := make(chan struct{}, atOnce), make(chan int, callers)
	for range callers {
		go func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			moved, err := store.ApplyEvent(t.Context(), workspace, newEvent(1, domain.EventBounce, "c"), epoch)
			if err != nil {
				t.Errorf("ApplyEvent: %v", err)
			}
			results <- moved
		}()
	}
	total := 0
	for range callers {
		total += <-results
	}
	if total != 1 {
		t.Errorf("%d calls moved the enrolment, want 1", total)
	}
	wantState(t, store, 10, domain.EnrolmentPaused)
}

// Events are forgotten when they are old, the oldest first, no more than asked
// for.
func purgeEvents(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	for n := range 4 {
		if _, err := store.ApplyEvent(t.Context(), workspace, newEvent(n, domain.EventBounce, "c"), epoch.Add(time.Duration(n)*time.Minute)); err != nil {
			t.Fatalf("ApplyEvent: %v", err)
		}
	}
	// The events 0 to 2 are old; 0 and 1 are forgotten.
	if err := store.PurgeEvents(t.Context(), workspace, epoch.Add(3*time.Minute), 2); err != nil {
		t.Fatalf("PurgeEvents: %v", err)
	}
	for n, forgotten := range []bool{true, true, false, false} {
		enrol(t, store, 10+n, playbook, "c", domain.EnrolmentActive)
		want := 0
		if forgotten {
			want = 1
		}
		apply(t, store, newEvent(n, domain.EventReply, "c"), want)
		if !forgotten {
			apply(t, store, newEvent(100+n, domain.EventReply, "c"), 1)
		}
	}
}
