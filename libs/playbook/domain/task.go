package domain

import (
	"fmt"
	"time"
)

// Bounds of a task.
const (
	// MaxHolderLength is in characters.
	MaxHolderLength = 200
	// MaxOutcomeLength is in characters.
	MaxOutcomeLength = 1000
	// MaxClaim is how many tasks can be claimed at once.
	MaxClaim = 100
	// MinLease and MaxLease are how long a task can be held before the lease has
	// to be renewed.
	MinLease = time.Second
	MaxLease = 12 * time.Hour
	// DefaultLease is what a lease of 0 means.
	DefaultLease = time.Minute
	// MaxAttempts is how often a task is tried: a failure of the last one pauses
	// the enrolment.
	MaxAttempts = 5
)

const (
	// firstRetry is how long after its first failure a task is tried again; each
	// later one waits retryFactor times longer, up to lastRetry.
	firstRetry  = time.Minute
	retryFactor = 4
	lastRetry   = time.Hour
)

// TaskState is where a task is in its life.
type TaskState string

// The states of a task.
const (
	// TaskPending: nobody has it.
	TaskPending TaskState = "PENDING"
	// TaskLeased: somebody has, or had until the lease ran out.
	TaskLeased TaskState = "LEASED"
	// TaskDone: it was completed.
	TaskDone TaskState = "DONE"
	// TaskFailed: it failed too often; resuming the enrolment makes it pending.
	TaskFailed TaskState = "FAILED"
	// TaskCancelled: the enrolment was cancelled.
	TaskCancelled TaskState = "CANCELLED"
)

// TaskStates returns every state of a task.
func TaskStates() []TaskState {
	return []TaskState{TaskPending, TaskLeased, TaskDone, TaskFailed, TaskCancelled}
}

// Task is the work of one step of one enrolment. There is one for the step to do
// next, from when that is known on; it waits there until it is due.
type Task struct {
	ID          string
	EnrolmentID string
	PlaybookID  string
	// PlaybookRevision is that of the enrolment.
	PlaybookRevision int64
	Contact          string
	// Step is the index of the step, from 0, with its Kind and Title.
	Step  int
	Kind  StepKind
	Title string
	// DueAt says when the step is due, in UTC with microseconds.
	DueAt time.Time
	State TaskState
	// ClaimableAt says from when on somebody can claim it, as long as the
	// enrolment is active: when it is due, later after a failure, and under a
	// lease when that runs out. By the store's clock.
	ClaimableAt time.Time
	// Attempts is how often it was claimed since the enrolment was last resumed
	// after failures.
	Attempts int
	// Holder is who claimed it last, as they call themselves.
	Holder string
	// LeaseToken tells the lease of the last claim from those before it.
	LeaseToken string
	// Outcome is what the holder said of the work, or of its last failure.
	Outcome string
}

// Work is the next thing to do in a playbook.
type Work struct {
	// Step is the index of the step, from 0, with its Kind and Title.
	Step  int
	Kind  StepKind
	Title string
	// After is how long after what was done before it is due.
	After time.Duration
}

// NextWork returns the first work in the steps from an index on. Waiting is not
// work: what comes after a WAIT is due that much later. It returns false when
// there is none.
func NextWork(steps []Step, from int) (Work, bool) {
	var after time.Duration
	for i := from; i < len(steps); i++ {
		after += steps[i].Delay
		if steps[i].Kind != StepWait {
			return Work{Step: i, Kind: steps[i].Kind, Title: steps[i].Title, After: after}, true
		}
	}
	return Work{}, false
}

func hasWork(steps []Step) bool {
	_, found := NextWork(steps, 0)
	return found
}

// FirstTask returns the task that a new enrolment begins with.
func FirstTask(id string, enrolment Enrolment, steps []Step) Task {
	step := steps[enrolment.CurrentStep]
	return Task{
		ID:               id,
		EnrolmentID:      enrolment.ID,
		PlaybookID:       enrolment.PlaybookID,
		PlaybookRevision: enrolment.PlaybookRevision,
		Contact:          enrolment.Contact,
		Step:             enrolment.CurrentStep,
		Kind:             step.Kind,
		Title:            step.Title,
		DueAt:            enrolment.DueAt,
		State:            TaskPending,
		ClaimableAt:      enrolment.DueAt,
	}
}

// Claim asks for tasks.
type Claim struct {
	// Holder is who will do them.
	Holder string
	// Limit is how many are wanted at most.
	Limit int
	// Token tells the leases of this claim from all others.
	Token string
	// Lease is how long they are held.
	Lease time.Duration
}

// NewClaim fails with Invalid and every mistake that it finds. A limit of 0 is 1.
func NewClaim(token, holder string, limit int, lease time.Duration) (Claim, error) {
	if limit == 0 {
		limit = 1
	}
	var found violations
	text{min: 1, max: MaxHolderLength}.check(&found, "holder", holder)
	if limit < 0 || limit > MaxClaim {
		found.add("limit", "must be 1 to %d", MaxClaim)
	}
	lease = checkLease(&found, lease)
	if err := found.err(); err != nil {
		return Claim{}, err
	}
	return Claim{Holder: holder, Limit: limit, Token: token, Lease: lease}, nil
}

// CheckLease returns how long a lease is that was asked for, and an Invalid error
// when it is too short or too long. A lease of 0 is DefaultLease.
func CheckLease(lease time.Duration) (time.Duration, error) {
	var found violations
	lease = checkLease(&found, lease)
	if err := found.err(); err != nil {
		return 0, err
	}
	return lease, nil
}

func checkLease(found *violations, lease time.Duration) time.Duration {
	if lease == 0 {
		return DefaultLease
	}
	if lease < MinLease || lease > MaxLease {
		found.add("lease", "must be %d to %d seconds", int64(MinLease/time.Second), int64(MaxLease/time.Second))
	}
	return lease
}

// CheckOutcome returns an Invalid error unless an outcome is one.
func CheckOutcome(outcome string) error {
	var found violations
	text{min: 1, max: MaxOutcomeLength, lines: true}.check(&found, "outcome", outcome)
	if err := found.err(); err != nil {
		return err
	}
	return nil
}

// Retry returns how long after a failed attempt, counted from 1, the next one
// is made. It returns false when there is none.
func Retry(attempt int) (time.Duration, bool) {
	if attempt >= MaxAttempts {
		return 0, false
	}
	after := firstRetry
	for range attempt - 1 {
		after = min(after*retryFactor, lastRetry)
	}
	return after, true
}

// NotHeld returns the error, a FailedPrecondition, for somebody who wants to act
// on a lease that does not hold, or not now.
func NotHeld(task Task, token string, enrolment EnrolmentState) error {
	why := fmt.Sprintf("the lease of task %s has run out", task.ID)
	switch {
	case enrolment != EnrolmentActive:
		why = fmt.Sprintf("the enrolment of task %s is %s", task.ID, enrolment)
	case task.State != TaskLeased:
		why = fmt.Sprintf("task %s is %s and held by nobody", task.ID, task.State)
	case task.LeaseToken != token:
		why = fmt.Sprintf("task %s is held under another lease", task.ID)
	}
	return Errorf(FailedPrecondition, "%s", why).Because(LeaseNotHeld).With("task_id", task.ID).With("state", string(task.State))
}
