package storetest

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

const (
	// hour is a lease that does not run out during a test; over is one that has run
	// out before anybody can use it.
	hour = time.Hour
	over = -time.Second
)

// never is when a task is due that is not due in these tests, nor when what they
// sent to a database is sent again, years later.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// taskID returns the ID of the task that the enrolment with an ID begins with.
func taskID(enrolmentID string) string { return "7a5c" + enrolmentID[4:] }

// firstTask returns the task that an enrolment in a playbook of newPlaybook begins
// with.
func firstTask(enrolment domain.Enrolment) domain.Task {
	return domain.Task{
		ID: taskID(enrolment.ID), EnrolmentID: enrolment.ID, PlaybookID: enrolment.PlaybookID,
		PlaybookRevision: enrolment.PlaybookRevision, Contact: enrolment.Contact, Kind: domain.StepCall, Title: "Call",
		DueAt: enrolment.DueAt, State: domain.TaskPending, ClaimableAt: enrolment.DueAt,
	}
}

func firstTasks(enrolments []domain.Enrolment) []domain.Task {
	tasks := make([]domain.Task, len(enrolments))
	for i, enrolment := range enrolments {
		tasks[i] = firstTask(enrolment)
	}
	return tasks
}

// token returns a lease token.
func token(n int) string { return "1ea5e000" + id(n)[8:] }

// enrolDue stores an enrolment whose first task is due at a time.
func enrolDue(t *testing.T, store Store, n int, playbook domain.Playbook, due time.Time) domain.Enrolment {
	t.Helper()
	enrolment := newEnrolment(t, n, playbook, id(n))
	enrolment.DueAt = due
	if err := store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment)); err != nil {
		t.Fatalf("CreateEnrolment: %v", err)
	}
	return enrolment
}

func claim(t *testing.T, store Store, limit int, token string, lease time.Duration) []domain.Task {
	t.Helper()
	tasks, err := store.ClaimTasks(t.Context(), workspace, domain.Claim{Holder: "h", Limit: limit, Token: token, Lease: lease})
	if err != nil {
		t.Fatalf("ClaimTasks: %v", err)
	}
	return tasks
}

// wantClaim claims as many tasks as there are and compares the IDs of their
// enrolments.
func wantClaim(t *testing.T, store Store, what, token string, lease time.Duration, want ...string) {
	t.Helper()
	var got []string
	for _, task := range claim(t, store, domain.MaxClaim, token, lease) {
		got = append(got, task.EnrolmentID)
	}
	wantEqual(t, what, got, want)
}

func readTask(t *testing.T, store Store, id string) domain.Task {
	t.Helper()
	task, err := store.Task(t.Context(), workspace, id)
	if err != nil {
		t.Fatalf("Task: %v", err)
	}
	return task
}

func wantEnrolment(t *testing.T, store Store, want domain.Enrolment) {
	t.Helper()
	got, err := store.Enrolment(t.Context(), workspace, want.ID)
	if err != nil {
		t.Fatalf("Enrolment: %v", err)
	}
	wantEqual(t, "the enrolment", got, want)
}

// move changes an enrolment's state.
func move(t *testing.T, store Store, before domain.Enrolment, to domain.EnrolmentState) domain.Enrolment {
	t.Helper()
	after := before
	after.State = to
	if err := store.UpdateEnrolment(t.Context(), workspace, after, before); err != nil {
		t.Fatalf("UpdateEnrolment: %v", err)
	}
	return after
}

// wantRefused wants that nothing can be done under a lease.
func wantRefused(t *testing.T, store Store, what string, lease usecase.Lease, want domain.Kind) {
	t.Helper()
	_, err := store.RenewTask(t.Context(), workspace, lease, hour)
	wantKind(t, "RenewTask "+what, err, want)
	_, err = store.CompleteTask(t.Context(), workspace, lease, "o", nil)
	wantKind(t, "CompleteTask "+what, err, want)
	_, err = store.FailTask(t.Context(), workspace, lease, "o", 0, true)
	wantKind(t, "FailTask "+what, err, want)
	_, err = store.FailTask(t.Context(), workspace, lease, "o", 0, false)
	wantKind(t, "FailTask for good "+what, err, want)
}

// near says whether a time is the given length from now, give or take a minute for
// slow machines and other clocks.
func near(at time.Time, length time.Duration) bool {
	return time.Until(at.Add(-length)).Abs() < time.Minute
}

// A task comes back as it was made, and shows who claimed it until when.
func taskRoundTrip(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	contact := strings.Repeat("🦊", domain.MaxContactLength)
	enrolment := newEnrolment(t, 2, playbook, contact)
	want := firstTask(enrolment)
	want.Title, want.Kind = strings.Repeat("疎", domain.MaxTitleLength), domain.StepEmail
	if err := store.CreateEnrolment(t.Context(), workspace, enrolment, want); err != nil {
		t.Fatalf("CreateEnrolment: %v", err)
	}
	wantEqual(t, "the new task", readTask(t, store, want.ID), want)

	holder := strings.Repeat("é", domain.MaxHolderLength)
	claimed, err := store.ClaimTasks(t.Context(), workspace, domain.Claim{Holder: holder, Limit: 1, Token: token(1), Lease: hour})
	if err != nil || len(claimed) != 1 {
		t.Fatalf("ClaimTasks: got %v, %v", claimed, err)
	}
	if !near(claimed[0].ClaimableAt, hour) {
		t.Errorf("the lease runs out at %s, want in %s", claimed[0].ClaimableAt, hour)
	}
	want.State, want.ClaimableAt, want.Attempts, want.Holder, want.LeaseToken = domain.TaskLeased, claimed[0].ClaimableAt, 1, holder, token(1)
	wantEqual(t, "the claimed task", claimed[0], want)
	wantEqual(t, "the claimed task, read", readTask(t, store, want.ID), want)

	lease := usecase.Lease{TaskID: want.ID, Token: token(1)}
	renewed, err := store.RenewTask(t.Context(), workspace, lease, 2*hour)
	if err != nil || !near(renewed.ClaimableAt, 2*hour) {
		t.Fatalf("RenewTask: got %v, %v", renewed, err)
	}
	want.ClaimableAt = renewed.ClaimableAt
	wantEqual(t, "the renewed task", renewed, want)

	outcome := strings.Repeat("é\n", domain.MaxOutcomeLength/2-1) + "!"
	done, err := store.CompleteTask(t.Context(), workspace, lease, outcome, nil)
	if err != nil {
		t.Fatalf("CompleteTask: %v", err)
	}
	want.State, want.Outcome = domain.TaskDone, outcome
	wantEqual(t, "the completed task", done, want)
	wantEqual(t, "the completed task, read", readTask(t, store, want.ID), want)
}

// There is nothing to do for a task that is not there.
func taskNotFound(t *testing.T, store Store) {
	_, err := store.Task(t.Context(), workspace, id(1))
	wantKind(t, "Task", err, domain.NotFound)
	wantRefused(t, store, "of none", usecase.Lease{TaskID: id(1), Token: token(1)}, domain.NotFound)
}

// Those that have waited for the longest are claimed first, no more than are
// wanted, and none that is not due.
func claimOrder(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	for n, minutes := range []time.Duration{3, 1, 4, 2, 5} {
		enrolDue(t, store, 10+n, playbook, epoch.Add(minutes*time.Minute))
	}
	enrolDue(t, store, 20, playbook, never)
	var got []string
	for n := 0; ; n++ {
		claimed := claim(t, store, 2, token(n), hour)
		if len(claimed) == 0 {
			break
		}
		for _, task := range claimed {
			got = append(got, task.EnrolmentID)
			if task.LeaseToken != token(n) {
				t.Errorf("a task has the token %s, want %s", task.LeaseToken, token(n))
			}
		}
	}
	wantEqual(t, "the enrolments in the order of claims", got, []string{id(11), id(13), id(10), id(12), id(14)})
}

// A lease that ran out gives the task to the next one who asks, and the former
// holder comes too late.
func leaseRunsOut(t *testing.T, store Store) {
	enrolment := enrolDue(t, store, 2, createActive(t, store, 1), epoch)
	task := taskID(enrolment.ID)
	wantClaim(t, store, "the first claim", token(1), over, enrolment.ID)
	wantRefused(t, store, "after the lease", usecase.Lease{TaskID: task, Token: token(1)}, domain.FailedPrecondition)
	wantClaim(t, store, "the second claim", token(2), hour, enrolment.ID)
	wantClaim(t, store, "a claim while it is held", token(3), hour)
	wantRefused(t, store, "of somebody else's", usecase.Lease{TaskID: task, Token: token(1)}, domain.FailedPrecondition)
	if got := readTask(t, store, task); got.Attempts != 2 || got.LeaseToken != token(2) || got.State != domain.TaskLeased {
		t.Errorf("the task is %+v", got)
	}
	held := usecase.Lease{TaskID: task, Token: token(2)}
	if _, err := store.RenewTask(t.Context(), workspace, held, over); err != nil {
		t.Errorf("RenewTask: %v", err)
	}
	wantRefused(t, store, "after the renewed lease", held, domain.FailedPrecondition)
	wantClaim(t, store, "the third claim", token(4), hour, enrolment.ID)
	if _, err := store.CompleteTask(t.Context(), workspace, usecase.Lease{TaskID: task, Token: token(4)}, "o", nil); err != nil {
		t.Errorf("CompleteTask: %v", err)
	}
	wantRefused(t, store, "of what is done", usecase.Lease{TaskID: task, Token: token(4)}, domain.FailedPrecondition)
	wantClaim(t, store, "a claim of what is done", token(5), hour)
}

// Who completes a task moves the enrolment on, and what is next is due from then
// on; behind the last step it is completed.
func completeTasks(t *testing.T, store Store) {
	enrolment := enrolDue(t, store, 2, createActive(t, store, 1), epoch)
	wantClaim(t, store, "the first task", token(1), hour, enrolment.ID)
	next := func(n, step int, after time.Duration) *usecase.NextTask {
		return &usecase.NextTask{ID: id(n), Work: domain.Work{Step: step, Kind: domain.StepTask, Title: "Next ☎", After: after}}
	}
	if _, err := store.CompleteTask(t.Context(), workspace, usecase.Lease{TaskID: taskID(enrolment.ID), Token: token(1)}, "o", next(50, 2, 0)); err != nil {
		t.Fatalf("CompleteTask: %v", err)
	}
	second := readTask(t, store, id(50))
	if !near(second.DueAt, 0) {
		t.Errorf("the next task is due at %s, want now", second.DueAt)
	}
	wantEqual(t, "the next task", second, domain.Task{
		ID: id(50), EnrolmentID: enrolment.ID, PlaybookID: enrolment.PlaybookID, PlaybookRevision: enrolment.PlaybookRevision,
		Contact: enrolment.Contact, Step: 2, Kind: domain.StepTask, Title: "Next ☎", DueAt: second.DueAt,
		State: domain.TaskPending, ClaimableAt: second.DueAt,
	})

	wantClaim(t, store, "the second task", token(2), hour, enrolment.ID)
	if _, err := store.CompleteTask(t.Context(), workspace, usecase.Lease{TaskID: id(50), Token: token(2)}, "o", next(51, 3, hour)); err != nil {
		t.Fatalf("CompleteTask: %v", err)
	}
	third := readTask(t, store, id(51))
	if !near(third.DueAt, hour) {
		t.Errorf("the third task is due at %s, want in %s", third.DueAt, hour)
	}
	wantClaim(t, store, "the third task, which is not due", token(3), hour)

	other := enrolDue(t, store, 3, createActive(t, store, 4), epoch)
	wantClaim(t, store, "the other's task", token(4), hour, other.ID)
	if _, err := store.CompleteTask(t.Context(), workspace, usecase.Lease{TaskID: taskID(other.ID), Token: token(4)}, "o", nil); err != nil {
		t.Fatalf("CompleteTask: %v", err)
	}
	other.State = domain.EnrolmentCompleted
	wantEnrolment(t, store, other)
}

// What failed can be claimed again after a while; what failed for good pauses the
// enrolment, and to resume that gives it another chance.
func failTasks(t *testing.T, store Store) {
	enrolment := enrolDue(t, store, 2, createActive(t, store, 1), epoch)
	task := taskID(enrolment.ID)
	wantClaim(t, store, "the first claim", token(1), hour, enrolment.ID)
	failed, err := store.FailTask(t.Context(), workspace, usecase.Lease{TaskID: task, Token: token(1)}, "busy", 0, true)
	if err != nil || failed.State != domain.TaskPending || failed.Outcome != "busy" || !near(failed.ClaimableAt, 0) {
		t.Errorf("FailTask: got %+v, %v", failed, err)
	}
	wantRefused(t, store, "of what was given back", usecase.Lease{TaskID: task, Token: token(1)}, domain.FailedPrecondition)
	wantClaim(t, store, "the second claim", token(2), hour, enrolment.ID)
	failed, err = store.FailTask(t.Context(), workspace, usecase.Lease{TaskID: task, Token: token(2)}, "gone", 0, false)
	if err != nil || failed.State != domain.TaskFailed || failed.Attempts != 2 {
		t.Errorf("FailTask: got %+v, %v", failed, err)
	}
	paused := enrolment
	paused.State = domain.EnrolmentPaused
	wantEnrolment(t, store, paused)
	wantClaim(t, store, "a claim of what has failed", token(3), hour)
	move(t, store, paused, domain.EnrolmentActive)
	if got := readTask(t, store, task); got.State != domain.TaskPending || got.Attempts != 0 || !got.ClaimableAt.Equal(got.DueAt) || got.Outcome != "gone" {
		t.Errorf("the resumed task is %+v", got)
	}
	wantClaim(t, store, "the claim after", token(4), hour, enrolment.ID)
	if _, err := store.FailTask(t.Context(), workspace, usecase.Lease{TaskID: task, Token: token(4)}, "busy", hour, true); err != nil {
		t.Errorf("FailTask: %v", err)
	}
	if got := readTask(t, store, task); !near(got.ClaimableAt, hour) || !got.DueAt.Equal(enrolment.DueAt) {
		t.Errorf("the task is %+v, want claimable in %s", got, hour)
	}
	wantClaim(t, store, "a claim before it can be tried again", token(5), hour)
}

// Nothing is done for an enrolment that is not active: its task cannot be claimed,
// and who holds it is refused. A lease outlives a short pause, and nothing outlives
// a cancellation.
func tasksOfInactive(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	held, waiting := enrolDue(t, store, 2, playbook, epoch), enrolDue(t, store, 3, playbook, epoch.Add(time.Minute))
	if claimed := claim(t, store, 1, token(1), hour); len(claimed) != 1 || claimed[0].EnrolmentID != held.ID {
		t.Fatalf("ClaimTasks: got %+v", claimed)
	}
	lease := usecase.Lease{TaskID: taskID(held.ID), Token: token(1)}
	pausedHeld, pausedWaiting := move(t, store, held, domain.EnrolmentPaused), move(t, store, waiting, domain.EnrolmentPaused)
	wantRefused(t, store, "while it is paused", lease, domain.FailedPrecondition)
	wantClaim(t, store, "a claim while both are paused", token(2), hour)
	move(t, store, pausedHeld, domain.EnrolmentActive)
	if _, err := store.RenewTask(t.Context(), workspace, lease, hour); err != nil {
		t.Errorf("RenewTask after the pause: %v", err)
	}
	move(t, store, pausedWaiting, domain.EnrolmentActive)
	wantClaim(t, store, "a claim after the pause", token(3), over, waiting.ID)

	move(t, store, held, domain.EnrolmentCancelled)
	move(t, store, waiting, domain.EnrolmentCancelled)
	wantRefused(t, store, "after it was cancelled", lease, domain.FailedPrecondition)
	wantClaim(t, store, "a claim after both were cancelled", token(4), hour)
	for _, enrolment := range []domain.Enrolment{held, waiting} {
		if got := readTask(t, store, taskID(enrolment.ID)); got.State != domain.TaskCancelled {
			t.Errorf("the task is %s, want %s", got.State, domain.TaskCancelled)
		}
	}
}

// Tasks of one workspace are not seen, claimed or changed from another.
func tasksOfWorkspaces(t *testing.T, store Store) {
	enrolment := enrolDue(t, store, 2, createActive(t, store, 1), epoch)
	task := taskID(enrolment.ID)
	_, err := store.Task(t.Context(), stranger, task)
	wantKind(t, "Task", err, domain.NotFound)
	claimed, err := store.ClaimTasks(t.Context(), stranger, domain.Claim{Holder: "h", Limit: 10, Token: token(1), Lease: hour})
	if err != nil || len(claimed) != 0 {
		t.Errorf("ClaimTasks: got %v, %v", claimed, err)
	}
	due, err := store.DueTasks(t.Context(), stranger, hour, 10)
	if err != nil || len(due) != 0 {
		t.Errorf("DueTasks: got %v, %v", due, err)
	}
	wantClaim(t, store, "the claim from inside", token(2), hour, enrolment.ID)
	lease := usecase.Lease{TaskID: task, Token: token(2)}
	_, err = store.RenewTask(t.Context(), stranger, lease, hour)
	wantKind(t, "RenewTask", err, domain.NotFound)
	_, err = store.CompleteTask(t.Context(), stranger, lease, "o", nil)
	wantKind(t, "CompleteTask", err, domain.NotFound)
	_, err = store.FailTask(t.Context(), stranger, lease, "o", 0, true)
	wantKind(t, "FailTask", err, domain.NotFound)
	if _, err := store.CompleteTask(t.Context(), workspace, lease, "o", nil); err != nil {
		t.Errorf("CompleteTask from inside: %v", err)
	}
}

// Those that can be claimed come first, then those that soon can, with the time
// that is left; none of enrolments that are not active.
func dueTasks(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	soon := enrolDue(t, store, 4, playbook, epoch)
	wantClaim(t, store, "the first claim", token(1), hour, soon.ID)
	if _, err := store.FailTask(t.Context(), workspace, usecase.Lease{TaskID: taskID(soon.ID), Token: token(1)}, "o", 30*time.Minute, true); err != nil {
		t.Fatalf("FailTask: %v", err)
	}
	late := enrolDue(t, store, 2, playbook, epoch.Add(time.Minute))
	early := enrolDue(t, store, 3, playbook, epoch)
	enrolDue(t, store, 5, playbook, never)
	move(t, store, enrolDue(t, store, 6, playbook, epoch), domain.EnrolmentPaused)
	list := func(limit int) (enrolments []string, left []time.Duration) {
		t.Helper()
		tasks, err := store.DueTasks(t.Context(), workspace, 2*hour, limit)
		if err != nil {
			t.Fatalf("DueTasks: %v", err)
		}
		for _, task := range tasks {
			enrolments, left = append(enrolments, task.EnrolmentID), append(left, task.In)
		}
		return enrolments, left
	}
	enrolments, left := list(10)
	wantEqual(t, "the enrolments", enrolments, []string{early.ID, late.ID, soon.ID})
	if len(left) != 3 || left[0] != 0 || left[1] != 0 || !near(time.Now().Add(left[2]), 30*time.Minute) {
		t.Errorf("the times left are %v", left)
	}
	enrolments, _ = list(1)
	wantEqual(t, "the first enrolment", enrolments, []string{early.ID})
	if claimed := claim(t, store, 1, token(2), hour); len(claimed) != 1 || claimed[0].EnrolmentID != early.ID {
		t.Fatalf("ClaimTasks: got %+v", claimed)
	}
	enrolments, left = list(10)
	wantEqual(t, "the enrolments after a claim", enrolments, []string{late.ID, soon.ID, early.ID})
	if len(left) != 3 || !near(time.Now().Add(left[2]), hour) {
		t.Errorf("the times left are %v", left)
	}
}

// Of many who claim at once each gets others, and all get all.
func concurrentClaims(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	var want []string
	for n := range 24 {
		want = append(want, enrolDue(t, store, 10+n, playbook, epoch).ID)
	}
	var mu sync.Mutex
	var got []string
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			for round := range 10 {
				tasks, err := store.ClaimTasks(t.Context(), workspace, domain.Claim{Holder: "h", Limit: 3, Token: token(100*n + round), Lease: hour})
				if err != nil {
					t.Errorf("ClaimTasks: %v", err)
				}
				mu.Lock()
				for _, task := range tasks {
					got = append(got, task.EnrolmentID)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(got)
	wantEqual(t, "the enrolments whose tasks were claimed", got, want)
}

// Of many who complete a task under the same lease at once, one does.
func concurrentCompletion(t *testing.T, store Store) {
	enrolment := enrolDue(t, store, 2, createActive(t, store, 1), epoch)
	wantClaim(t, store, "the claim", token(1), hour, enrolment.ID)
	wantOneWinner(t, 8, domain.FailedPrecondition, func(n int) error {
		_, err := store.CompleteTask(t.Context(), workspace, usecase.Lease{TaskID: taskID(enrolment.ID), Token: token(1)}, "o",
			&usecase.NextTask{ID: id(50 + n), Work: domain.Work{Step: 1, Kind: domain.StepCall, Title: "c"}})
		return err
	})
	if claimed := claim(t, store, 10, token(2), hour); len(claimed) != 1 || claimed[0].Step != 1 {
		t.Errorf("the tasks after it are %+v, want one", claimed)
	}
}

// TasksAppear tests that watchers are told of tasks in time. It is not a part of Run,
// since what a database tells by itself cannot be recorded.
func TasksAppear(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	appear := store.TasksAppear(t.Context(), workspace)
	wantTold := func(what string) {
		t.Helper()
		select {
		case <-appear:
		case <-time.After(10 * time.Second):
			t.Fatalf("nobody was told of %s", what)
		}
	}
	// What there was before.
	wantTold("the beginning")
	enrolment := enrolDue(t, store, 2, playbook, epoch)
	wantTold("an enrolment")
	move(t, store, move(t, store, enrolment, domain.EnrolmentPaused), domain.EnrolmentActive)
	wantTold("a resumed enrolment")
	wantClaim(t, store, "the claim", token(1), hour, enrolment.ID)
	if _, err := store.CompleteTask(t.Context(), workspace, usecase.Lease{TaskID: taskID(enrolment.ID), Token: token(1)}, "o",
		&usecase.NextTask{ID: id(50), Work: domain.Work{Step: 1, Kind: domain.StepCall, Title: "c"}}); err != nil {
		t.Fatalf("CompleteTask: %v", err)
	}
	wantTold("the next task")
}
