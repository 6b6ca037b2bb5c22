package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// The clock of leases is this machine's: all processes that use the file are on
// it.
const (
	// taskColumns is in the order that scanTask reads, of a task t and its
	// enrolment e.
	taskColumns = `t.id, t.enrolment_id, e.playbook_id, e.playbook_revision, e.contact, t.step, t.kind, t.title,
		t.due_at, t.state, t.claimable_at, t.attempts, t.holder, COALESCE(t.lease_token, ''), t.outcome, e.state`

	// fromTasks finds the tasks of a workspace. CROSS JOIN says where to begin: the
	// planner might take all enrolments of a workspace first.
	fromTasks = ` FROM tasks t CROSS JOIN enrolments e ON e.workspace = t.workspace AND e.id = t.enrolment_id WHERE t.workspace = ?`

	// claimable is about those that can be claimed until some time.
	claimable = ` AND t.state IN ('PENDING', 'LEASED') AND t.claimable_at <= ? AND e.state = 'ACTIVE'
		ORDER BY t.claimable_at, t.id LIMIT ?`

	// appearPoll is how often watchers are told to look for tasks.
	appearPoll = 200 * time.Millisecond
)

// taskRow is a task and the state of its enrolment.
type taskRow struct {
	domain.Task
	enrolment domain.EnrolmentState
}

// ClaimTasks leases tasks. See usecase.TaskStore.
func (s *Store) ClaimTasks(ctx context.Context, workspace domain.Workspace, claim domain.Claim) ([]domain.Task, error) {
	var tasks []domain.Task
	err := s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now := time.Now()
		found, err := collect(ctx, tx, scanTask, `SELECT `+taskColumns+fromTasks+claimable, string(workspace), micros(now), claim.Limit)
		if err != nil {
			return err
		}
		for _, task := range found {
			task.State, task.ClaimableAt, task.Holder, task.LeaseToken = domain.TaskLeased, now.Add(claim.Lease), claim.Holder, claim.Token
			task.Attempts++
			if err := updateTask(ctx, tx, workspace, &task.Task); err != nil {
				return err
			}
			tasks = append(tasks, task.Task)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claiming tasks: %w", err)
	}
	slices.SortFunc(tasks, func(a, b domain.Task) int {
		if order := a.DueAt.Compare(b.DueAt); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return tasks, nil
}

// Task returns a task by its ID. Fails with NotFound.
func (s *Store) Task(ctx context.Context, workspace domain.Workspace, id string) (domain.Task, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	task, err := readTask(limited, s.db, workspace, id)
	if err != nil {
		return domain.Task{}, fmt.Errorf("selecting a task: %w", translate(ctx, err))
	}
	return task.Task, nil
}

// RenewTask makes a lease end later. See usecase.TaskStore.
func (s *Store) RenewTask(ctx context.Context, workspace domain.Workspace, lease usecase.Lease, length time.Duration) (domain.Task, error) {
	return s.whileHeld(ctx, workspace, lease, func(_ context.Context, _ *sql.Tx, task *domain.Task, now time.Time) error {
		task.ClaimableAt = now.Add(length)
		return nil
	})
}

// CompleteTask ends a task and moves its enrolment. See usecase.TaskStore.
func (s *Store) CompleteTask(ctx context.Context, workspace domain.Workspace, lease usecase.Lease, outcome string, next *usecase.NextTask) (domain.Task, error) {
	return s.whileHeld(ctx, workspace, lease, func(ctx context.Context, tx *sql.Tx, task *domain.Task, now time.Time) error {
		task.State, task.Outcome = domain.TaskDone, outcome
		if next == nil {
			return setEnrolmentState(ctx, tx, workspace, task.EnrolmentID, domain.EnrolmentCompleted)
		}
		due := now.Add(next.After)
		if _, err := tx.ExecContext(ctx, `UPDATE enrolments SET current_step = ?, due_at = ? WHERE workspace = ? AND id = ?`,
			next.Step, micros(due), string(workspace), task.EnrolmentID); err != nil {
			return err
		}
		return createTask(ctx, tx, workspace, domain.Task{
			ID: next.ID, EnrolmentID: task.EnrolmentID, Step: next.Step, Kind: next.Kind, Title: next.Title,
			DueAt: due, State: domain.TaskPending, ClaimableAt: due,
		})
	})
}

// FailTask gives a task back. See usecase.TaskStore.
func (s *Store) FailTask(ctx context.Context, workspace domain.Workspace, lease usecase.Lease, outcome string, after time.Duration, again bool) (domain.Task, error) {
	return s.whileHeld(ctx, workspace, lease, func(ctx context.Context, tx *sql.Tx, task *domain.Task, now time.Time) error {
		task.Outcome = outcome
		if again {
			task.State, task.ClaimableAt = domain.TaskPending, now.Add(after)
			return nil
		}
		task.State = domain.TaskFailed
		return setEnrolmentState(ctx, tx, workspace, task.EnrolmentID, domain.EnrolmentPaused)
	})
}

// whileHeld changes a task whose lease holds and returns it, and otherwise says why
// the lease does not hold.
func (s *Store) whileHeld(ctx context.Context, workspace domain.Workspace, lease usecase.Lease,
	change func(ctx context.Context, tx *sql.Tx, task *domain.Task, now time.Time) error,
) (domain.Task, error) {
	var changed domain.Task
	err := s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		task, err := readTask(ctx, tx, workspace, lease.TaskID)
		if err != nil {
			return err
		}
		now := time.Now()
		if task.State != domain.TaskLeased || task.LeaseToken != lease.Token || !task.ClaimableAt.After(now) || task.enrolment != domain.EnrolmentActive {
			return domain.NotHeld(task.Task, lease.Token, task.enrolment)
		}
		if err := change(ctx, tx, &task.Task, now); err != nil {
			return err
		}
		changed = task.Task
		return updateTask(ctx, tx, workspace, &changed)
	})
	if err != nil {
		return domain.Task{}, fmt.Errorf("changing a task: %w", err)
	}
	return changed, nil
}

// DueTasks returns tasks that can be claimed soon. See usecase.TaskStore.
func (s *Store) DueTasks(ctx context.Context, workspace domain.Workspace, within time.Duration, limit int) ([]usecase.DueTask, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	now := time.Now()
	found, err := collect(limited, s.db, scanTask, `SELECT `+taskColumns+fromTasks+claimable, string(workspace), micros(now.Add(within)), limit)
	if err != nil {
		return nil, fmt.Errorf("selecting due tasks: %w", translate(ctx, err))
	}
	tasks := make([]usecase.DueTask, len(found))
	for i, task := range found {
		tasks[i] = usecase.DueTask{Task: task.Task, In: max(task.ClaimableAt.Sub(now), 0)}
	}
	return tasks, nil
}

// TasksAppear tells watchers to look, again and again: SQLite tells nobody. See
// usecase.TaskStore.
func (s *Store) TasksAppear(ctx context.Context, _ domain.Workspace) <-chan struct{} {
	look := make(chan struct{}, 1)
	go func() {
		ticker := time.NewTicker(appearPoll)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			select {
			case look <- struct{}{}:
			default:
			}
		}
	}()
	return look
}

// createTask stores a new task.
func createTask(ctx context.Context, tx *sql.Tx, workspace domain.Workspace, task domain.Task) error {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO tasks (workspace, id, enrolment_id, step, kind, title, due_at, state, claimable_at, attempts, holder, outcome)
		 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '')`,
		string(workspace), task.ID, task.EnrolmentID, task.Step, string(task.Kind), task.Title, micros(task.DueAt), string(task.State), micros(task.ClaimableAt))
	return err
}

// updateTask stores what changes about a task, and gives it the times that are
// kept.
func updateTask(ctx context.Context, tx *sql.Tx, workspace domain.Workspace, task *domain.Task) error {
	_, err := tx.ExecContext(ctx,
		`UPDATE tasks SET state = ?, claimable_at = ?, attempts = ?, holder = ?, lease_token = ?, outcome = ? WHERE workspace = ? AND id = ?`,
		string(task.State), micros(task.ClaimableAt), task.Attempts, task.Holder, task.LeaseToken, task.Outcome, string(workspace), task.ID)
	task.ClaimableAt = instant(micros(task.ClaimableAt))
	return err
}

// followEnrolment brings the task of an enrolment in step with it.
func followEnrolment(ctx context.Context, tx *sql.Tx, workspace domain.Workspace, enrolment domain.Enrolment) (err error) {
	switch enrolment.State {
	case domain.EnrolmentCancelled:
		_, err = tx.ExecContext(ctx,
			`UPDATE tasks SET state = 'CANCELLED' WHERE workspace = ? AND enrolment_id = ? AND state IN ('PENDING', 'LEASED', 'FAILED')`,
			string(workspace), enrolment.ID)
	case domain.EnrolmentActive:
		_, err = tx.ExecContext(ctx,
			`UPDATE tasks SET state = 'PENDING', claimable_at = due_at, attempts = 0 WHERE workspace = ? AND enrolment_id = ? AND state = 'FAILED'`,
			string(workspace), enrolment.ID)
	}
	return err
}

func setEnrolmentState(ctx context.Context, tx *sql.Tx, workspace domain.Workspace, id string, state domain.EnrolmentState) error {
	_, err := tx.ExecContext(ctx, `UPDATE enrolments SET state = ? WHERE workspace = ? AND id = ?`, string(state), string(workspace), id)
	return err
}

// readTask fails with NotFound.
func readTask(ctx context.Context, db querier, workspace domain.Workspace, id string) (taskRow, error) {
	task, err := scanTask(db.QueryRowContext(ctx, `SELECT `+taskColumns+fromTasks+` AND t.id = ?`, string(workspace), id))
	if errors.Is(err, sql.ErrNoRows) {
		return taskRow{}, domain.Missing("task", id)
	}
	return task, err
}

func scanTask(row scanner) (taskRow, error) {
	var task taskRow
	var kind, state, enrolment string
	var due, claimable int64
	err := row.Scan(&task.ID, &task.EnrolmentID, &task.PlaybookID, &task.PlaybookRevision, &task.Contact, &task.Step, &kind, &task.Title,
		&due, &state, &claimable, &task.Attempts, &task.Holder, &task.LeaseToken, &task.Outcome, &enrolment)
	task.Kind, task.State, task.enrolment = domain.StepKind(kind), domain.TaskState(state), domain.EnrolmentState(enrolment)
	task.DueAt, task.ClaimableAt = instant(due), instant(claimable)
	return task, err
}
