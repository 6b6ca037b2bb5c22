package usecase

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// WatchPoll is how often a watch looks for tasks when nothing tells it to.
const WatchPoll = 5 * time.Second

const (
	// watchPause is how long a watch lets tasks gather after a look.
	watchPause = 50 * time.Millisecond
	// watchWindow is how many unclaimed tasks a watch announces; those behind them
	// follow as these are claimed.
	watchWindow = 1000
)

// TaskStore keeps tasks. Leases begin and end by the store's own clock, that of
// the database where it has one: clocks of servers differ.
//
// A store also keeps tasks in step with enrolments: nothing can be done to the
// task of one that is not active; cancelling it cancels its task; resuming it
// makes a failed task pending, as if it had never been tried.
type TaskStore interface {
	// ClaimTasks leases tasks that can be claimed, those first that could be for
	// the longest, and returns them by when they are due. A task is in the answer
	// of one of those who claim at the same time.
	ClaimTasks(ctx context.Context, workspace domain.Workspace, claim domain.Claim) ([]domain.Task, error)
	// Task returns a task by its ID. Fails with NotFound.
	Task(ctx context.Context, workspace domain.Workspace, id string) (domain.Task, error)
	// RenewTask makes a lease end that long after now. Fails with NotFound, and
	// with FailedPrecondition where the lease does not hold any more: it ran out,
	// somebody claimed the task since, or the enrolment is not active. The same is
	// true of the two below.
	RenewTask(ctx context.Context, workspace domain.Workspace, lease Lease, length time.Duration) (domain.Task, error)
	// CompleteTask ends a task, and moves the enrolment on to the next one or, when
	// next is nil, to its end.
	CompleteTask(ctx context.Context, workspace domain.Workspace, lease Lease, outcome string, next *NextTask) (domain.Task, error)
	// FailTask makes a task claimable again after a while or, when again is false,
	// marks it as failed and pauses the enrolment.
	FailTask(ctx context.Context, workspace domain.Workspace, lease Lease, outcome string, after time.Duration, again bool) (domain.Task, error)
	// DueTasks returns up to limit tasks that can be claimed within a time from
	// now, in the order in which they can.
	DueTasks(ctx context.Context, workspace domain.Workspace, within time.Duration, limit int) ([]DueTask, error)
	// TasksAppear returns a channel that receives when tasks may have become
	// claimable in a workspace by something else than the passing of time, until
	// ctx ends. It may receive too often, and miss something where the database
	// does not tell.
	TasksAppear(ctx context.Context, workspace domain.Workspace) <-chan struct{}
}

// Lease is what the holder of a task shows.
type Lease struct {
	TaskID string
	Token  string
}

// NextTask is the task to make when one is done.
type NextTask struct {
	ID string
	domain.Work
}

// DueTask is a task that can be claimed, or soon.
type DueTask struct {
	domain.Task
	// In is how long it takes until it can be claimed: 0 when it can.
	In time.Duration
}

// ClaimTasks gives up to limit due tasks of active enrolments to a holder, who has
// them alone until the lease runs out. Fails with Invalid.
func (s *Service) ClaimTasks(ctx context.Context, workspace domain.Workspace, holder string, limit int, lease time.Duration) ([]domain.Task, error) {
	claim, err := domain.NewClaim(s.newID(), holder, limit, lease)
	if err != nil {
		return nil, err
	}
	tasks, err := s.store.ClaimTasks(ctx, workspace, claim)
	if err != nil {
		return nil, fmt.Errorf("claiming tasks: %w", err)
	}
	return tasks, nil
}

// GetTask returns a task by its ID. Fails with Invalid and NotFound.
func (s *Service) GetTask(ctx context.Context, workspace domain.Workspace, id string) (domain.Task, error) {
	if err := domain.CheckID("id", id); err != nil {
		return domain.Task{}, err
	}
	task, err := s.store.Task(ctx, workspace, id)
	if err != nil {
		return domain.Task{}, fmt.Errorf("reading the task: %w", err)
	}
	return task, nil
}

// RenewTask makes a lease that holds run out later. Fails with Invalid, NotFound
// and FailedPrecondition.
func (s *Service) RenewTask(ctx context.Context, workspace domain.Workspace, lease Lease, length time.Duration) (domain.Task, error) {
	length, err := domain.CheckLease(length)
	if err != nil {
		return domain.Task{}, err
	}
	if err := lease.check(); err != nil {
		return domain.Task{}, err
	}
	task, err := s.store.RenewTask(ctx, workspace, lease, length)
	if err != nil {
		return domain.Task{}, fmt.Errorf("renewing the lease: %w", err)
	}
	return task, nil
}

// CompleteTask ends a task and moves the enrolment on. Done again under the same
// lease it changes nothing. Fails with Invalid, NotFound and FailedPrecondition.
func (s *Service) CompleteTask(ctx context.Context, workspace domain.Workspace, lease Lease, outcome string) (domain.Task, error) {
	task, err := s.held(ctx, workspace, lease, outcome)
	if err != nil {
		return domain.Task{}, err
	}
	if lease.ended(task, domain.TaskDone) {
		return task, nil
	}
	steps, err := s.store.Steps(ctx, workspace, task.PlaybookID, task.PlaybookRevision)
	if err != nil {
		return domain.Task{}, fmt.Errorf("reading the steps: %w", err)
	}
	var next *NextTask
	if work, found := domain.NextWork(steps, task.Step+1); found {
		next = &NextTask{ID: s.newID(), Work: work}
	}
	task, err = s.store.CompleteTask(ctx, workspace, lease, outcome, next)
	if err != nil {
		return s.endedMeanwhile(ctx, workspace, lease, fmt.Errorf("completing the task: %w", err), domain.TaskDone)
	}
	return task, nil
}

// FailTask gives a task back that could not be done. It is tried again later, or
// the enrolment is paused when it was tried too often. Done again under the same
// lease it changes nothing. Fails with Invalid, NotFound and FailedPrecondition.
func (s *Service) FailTask(ctx context.Context, workspace domain.Workspace, lease Lease, outcome string) (domain.Task, error) {
	task, err := s.held(ctx, workspace, lease, outcome)
	if err != nil {
		return domain.Task{}, err
	}
	if lease.ended(task, domain.TaskPending, domain.TaskFailed) {
		return task, nil
	}
	// Nobody else can make another attempt while the lease holds.
	after, again := domain.Retry(task.Attempts)
	task, err = s.store.FailTask(ctx, workspace, lease, outcome, after, again)
	if err != nil {
		return s.endedMeanwhile(ctx, workspace, lease, fmt.Errorf("failing the task: %w", err), domain.TaskPending, domain.TaskFailed)
	}
	return task, nil
}

// held checks a request of a holder and returns its task as it is now. Whether the
// lease holds is for the store to say.
func (s *Service) held(ctx context.Context, workspace domain.Workspace, lease Lease, outcome string) (domain.Task, error) {
	if err := lease.check(); err != nil {
		return domain.Task{}, err
	}
	if err := domain.CheckOutcome(outcome); err != nil {
		return domain.Task{}, err
	}
	return s.GetTask(ctx, workspace, lease.TaskID)
}

// endedMeanwhile returns the task where it was refused because the same call under
// the same lease came first, after this one had read the task; and the refusal
// otherwise.
func (s *Service) endedMeanwhile(ctx context.Context, workspace domain.Workspace, lease Lease, refused error, states ...domain.TaskState) (domain.Task, error) {
	if domain.KindOf(refused) != domain.FailedPrecondition {
		return domain.Task{}, refused
	}
	task, err := s.store.Task(ctx, workspace, lease.TaskID)
	if err != nil {
		return domain.Task{}, fmt.Errorf("reading the task again: %w", err)
	}
	if !lease.ended(task, states...) {
		return domain.Task{}, refused
	}
	return task, nil
}

// ended says whether a task has come to one of some states under the lease.
func (l Lease) ended(task domain.Task, states ...domain.TaskState) bool {
	return task.LeaseToken == l.Token && slices.Contains(states, task.State)
}

func (l Lease) check() error {
	if err := domain.CheckID("id", l.TaskID); err != nil {
		return err
	}
	return domain.CheckID("lease_token", l.Token)
}

// WatchTasks calls send with each task that can be claimed: with those that are
// there at first, and with others as they appear, until ctx ends or send fails. A
// task is sent again when it can be claimed again. It claims nothing.
func (s *Service) WatchTasks(ctx context.Context, workspace domain.Workspace, send func(domain.Task) error) error {
	// From before the first look on, so that nothing can happen in between.
	appear := s.store.TasksAppear(ctx, workspace)
	// sent holds the tasks of the last look, and since when each could be claimed.
	sent := map[string]time.Time{}
	for {
		tasks, err := s.store.DueTasks(ctx, workspace, WatchPoll, watchWindow)
		if err != nil {
			return fmt.Errorf("reading due tasks: %w", err)
		}
		wait := WatchPoll
		due := make(map[string]time.Time, len(tasks))
		for _, task := range tasks {
			if task.In > 0 {
				wait = task.In
				break
			}
			due[task.ID] = task.ClaimableAt
			if at, known := sent[task.ID]; known && at.Equal(task.ClaimableAt) {
				continue
			}
			if err := send(task.Task); err != nil {
				return err
			}
		}
		sent = due
		if err := pause(ctx, wait, appear); err != nil {
			return err
		}
	}
}

// pause waits until something appears, but for watchPause at least and for wait at
// most.
func pause(ctx context.Context, wait time.Duration, appear <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(watchPause):
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-appear:
	case <-time.After(wait - watchPause):
	}
	return nil
}
