package postgres_test

import (
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// An event that waits for somebody who is completing a task cancels the next task
// too, which was not there when it began.
func TestEventDuringCompletion(t *testing.T) {
	databaseURL := cluster.Database(t)
	store := open(t, databaseURL)
	playbook := createActive(t, store)
	enrolment, err := domain.Enrol(enrolmentID, playbook, "c", time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment, playbook)); err != nil {
		t.Fatal(err)
	}
	const token, nextID = "0190b0a4-7c3e-7b1a-8f1e-000000000004", "0190b0a4-7c3e-7b1a-8f1e-000000000005"
	claim := domain.Claim{Holder: "h", Limit: 1, Token: token, Lease: time.Hour}
	if claimed, err := store.ClaimTasks(t.Context(), workspace, claim); err != nil || len(claimed) != 1 {
		t.Fatalf("ClaimTasks: got %v, %v", claimed, err)
	}
	other, admin := connect(t, databaseURL), connect(t, databaseURL)
	waiting := func(want string) {
		t.Helper()
		waitFor(t, admin, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", want)
	}
	// They get the lock in the order in which they wait for it.
	run(t, other, "BEGIN; SELECT FROM enrolments FOR UPDATE")
	completed, applied := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := store.CompleteTask(t.Context(), workspace, usecase.Lease{TaskID: firstTaskID, Token: token}, "o",
			&usecase.NextTask{ID: nextID, Work: domain.Work{Step: 1, Kind: domain.StepCall, Title: "c"}})
		completed <- err
	}()
	waiting("1")
	go func() {
		event := domain.Event{Provider: "p", ID: "e", Type: domain.EventReply, Contact: "c", OccurredAt: time.Now()}
		_, err := store.ApplyEvent(t.Context(), workspace, event, time.Now())
		applied <- err
	}()
	waiting("2")
	run(t, other, "COMMIT")
	if err := <-completed; err != nil {
		t.Errorf("CompleteTask: %v", err)
	}
	if err := <-applied; err != nil {
		t.Errorf("ApplyEvent: %v", err)
	}
	cancelled, err := store.Enrolment(t.Context(), workspace, enrolmentID)
	if err != nil || cancelled.State != domain.EnrolmentCancelled {
		t.Errorf("the enrolment is %+v, %v", cancelled, err)
	}
	next, err := store.Task(t.Context(), workspace, nextID)
	if err != nil || next.State != domain.TaskCancelled {
		t.Errorf("the next task is %+v, %v; want it cancelled", next, err)
	}
}
