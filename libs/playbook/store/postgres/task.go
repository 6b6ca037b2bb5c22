package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// The statements below compare times with the database's clock alone: now() where
// an index is looked up by it, clock_timestamp() where a statement may have waited
// for a lock before. Each is one statement, so that it is one transaction and one
// round trip, and locks the enrolment before the task, as everything does that
// locks both.
const (
	// taskColumns is in the order that scanTask reads, of a task t and its
	// enrolment e.
	taskColumns = `t.id, t.enrolment_id, e.playbook_id, e.playbook_revision, e.contact, t.step, t.kind, t.title,
		t.due_at, t.state, t.claimable_at, t.attempts, t.holder, COALESCE(t.lease_token::text, ''), t.outcome`

	// newTaskColumns are those of a task that is made.
	newTaskColumns = `workspace, id, enrolment_id, step, kind, title, due_at, state, claimable_at, attempts, holder, outcome`

	// fromTasks finds the tasks of a workspace.
	fromTasks = ` FROM enrolments e JOIN tasks t ON t.workspace = e.workspace AND t.enrolment_id = e.id
		WHERE e.workspace = $1 AND t.workspace = $1`

	// fromClaimable finds those that are claimed once they are claimable. The state of
	// an enrolment is looked up for one after the other, in their order, until there
	// are enough of them. Where statistics are old, the planner might begin a join at
	// the wrong end, with all enrolments of a workspace.
	fromClaimable = `FROM tasks t WHERE t.workspace = $1 AND t.state IN ('PENDING', 'LEASED')
		AND (SELECT e.state FROM enrolments e WHERE e.workspace = $1 AND e.id = t.enrolment_id) = 'ACTIVE'`

	// held finds and locks a task whose lease holds. What is locked is found by its
	// primary key alone, and looked at when it is locked: as it is then, and not by an
	// index on what it is like.
	held = `WITH locked AS (
		SELECT t.id AS task_id, t.state AS task_state, t.lease_token, t.claimable_at,
			e.id, e.state, e.playbook_id, e.playbook_revision, e.contact` + fromTasks + ` AND t.id = $2 FOR UPDATE
	), held AS (
		SELECT * FROM locked WHERE lease_token = $3 AND task_state = 'LEASED' AND claimable_at > clock_timestamp() AND state = 'ACTIVE'
	)`

	// whereHeld goes into a change of that task.
	whereHeld = ` FROM held WHERE tasks.workspace = $1 AND tasks.id = held.task_id RETURNING tasks.*`

	// notifyIfSoon stands behind an INSERT INTO tasks. Watchers find a task by
	// themselves that is due later than their next look, after usecase.WatchPoll.
	// They are not told of it, because notifications make commits wait for each
	// other.
	notifyIfSoon = ` RETURNING CASE WHEN claimable_at <= now() + interval '5 seconds' THEN pg_notify('` + noticeChannel + `', workspace)::text END`
)

// ClaimTasks leases tasks. See usecase.TaskStore.
func (s *Store) ClaimTasks(ctx context.Context, workspace domain.Workspace, claim domain.Claim) ([]domain.Task, error) {
	var tasks []domain.Task
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		tasks, err = collect(ctx, s.db, scanTask, `
			WITH due AS (
				SELECT t.id `+fromClaimable+` AND t.claimable_at <= now()
				ORDER BY t.claimable_at, t.id LIMIT $2 FOR UPDATE OF t SKIP LOCKED
			), claimed AS (
				UPDATE tasks SET state = 'LEASED', claimable_at = clock_timestamp() + $3 * interval '1 microsecond',
					attempts = tasks.attempts + 1, holder = $4, lease_token = $5
				FROM due WHERE tasks.workspace = $1 AND tasks.id = due.id RETURNING tasks.*
			)
			SELECT `+taskColumns+` FROM claimed t JOIN enrolments e ON e.workspace = $1 AND e.id = t.enrolment_id ORDER BY t.due_at, t.id`,
			string(workspace), claim.Limit, claim.Lease.Microseconds(), claim.Holder, claim.Token)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming tasks: %w", err)
	}
	return tasks, nil
}

// Task returns a task by its ID. Fails with NotFound.
func (s *Store) Task(ctx context.Context, workspace domain.Workspace, id string) (domain.Task, error) {
	task, _, err := s.task(ctx, workspace, id)
	return task, err
}

// task returns a task and the state of its enrolment.
func (s *Store) task(ctx context.Context, workspace domain.Workspace, id string) (domain.Task, domain.EnrolmentState, error) {
	var task domain.Task
	var state string
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		task, err = scanTaskAnd(s.db.QueryRowContext(ctx,
			`SELECT `+taskColumns+`, e.state`+fromTasks+` AND t.id = $2`, string(workspace), id), &state)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Task{}, "", domain.Missing("task", id)
	}
	if err != nil {
		return domain.Task{}, "", fmt.Errorf("selecting a task: %w", err)
	}
	return task, domain.EnrolmentState(state), nil
}

// RenewTask makes a lease end later. See usecase.TaskStore.
func (s *Store) RenewTask(ctx context.Context, workspace domain.Workspace, lease usecase.Lease, length time.Duration) (domain.Task, error) {
	return s.whileHeld(ctx, workspace, lease, held+`, changed AS (
		UPDATE tasks SET claimable_at = clock_timestamp() + $4 * interval '1 microsecond'`+whereHeld+`
	) SELECT `+taskColumns+` FROM changed t CROSS JOIN held e`, length.Microseconds())
}

// CompleteTask ends a task and moves its enrolment. See usecase.TaskStore.
func (s *Store) CompleteTask(ctx context.Context, workspace domain.Workspace, lease usecase.Lease, outcome string, next *usecase.NextTask) (domain.Task, error) {
	const changed = held + `, changed AS (UPDATE tasks SET state = 'DONE', outcome = $4` + whereHeld + `)`
	if next == nil {
		return s.whileHeld(ctx, workspace, lease, changed+`, moved AS (
			UPDATE enrolments SET state = 'COMPLETED' FROM held WHERE enrolments.workspace = $1 AND enrolments.id = held.id
		) SELECT `+taskColumns+` FROM changed t CROSS JOIN held e`, outcome)
	}
	return s.whileHeld(ctx, workspace, lease, changed+`, moved AS (
		UPDATE enrolments SET current_step = $5, due_at = clock_timestamp() + $6 * interval '1 microsecond'
		FROM held WHERE enrolments.workspace = $1 AND enrolments.id = held.id RETURNING enrolments.due_at
	), made AS (
		INSERT INTO tasks (`+newTaskColumns+`)
		SELECT $1, $7, held.id, $5, $8, $9, moved.due_at, 'PENDING', moved.due_at, 0, '', '' FROM held CROSS JOIN moved`+notifyIfSoon+`
	) SELECT `+taskColumns+` FROM changed t CROSS JOIN held e`,
		outcome, next.Step, next.After.Microseconds(), next.ID, string(next.Kind), next.Title)
}

// FailTask gives a task back. See usecase.TaskStore.
func (s *Store) FailTask(ctx context.Context, workspace domain.Workspace, lease usecase.Lease, outcome string, after time.Duration, again bool) (domain.Task, error) {
	if again {
		return s.whileHeld(ctx, workspace, lease, held+`, changed AS (
			UPDATE tasks SET state = 'PENDING', outcome = $4, claimable_at = clock_timestamp() + $5 * interval '1 microsecond'`+whereHeld+`
		) SELECT `+taskColumns+` FROM changed t CROSS JOIN held e`, outcome, after.Microseconds())
	}
	return s.whileHeld(ctx, workspace, lease, held+`, changed AS (
		UPDATE tasks SET state = 'FAILED', outcome = $4`+whereHeld+`
	), paused AS (
		UPDATE enrolments SET state = 'PAUSED' FROM held WHERE enrolments.workspace = $1 AND enrolments.id = held.id
	) SELECT `+taskColumns+` FROM changed t CROSS JOIN held e`, outcome)
}

// whileHeld runs a statement that changes a task whose lease holds and returns it,
// and otherwise says why the lease does not hold.
func (s *Store) whileHeld(ctx context.Context, workspace domain.Workspace, lease usecase.Lease, statement string, args ...any) (domain.Task, error) {
	args = append([]any{string(workspace), lease.TaskID, lease.Token}, args...)
	var task domain.Task
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		task, err = scanTask(s.db.QueryRowContext(ctx, statement, args...))
		return err
	})
	if err == nil {
		return task, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return domain.Task{}, fmt.Errorf("changing a task: %w", err)
	}
	task, enrolment, err := s.task(ctx, workspace, lease.TaskID)
	if err != nil {
		return domain.Task{}, err
	}
	return domain.Task{}, domain.NotHeld(task, lease.Token, enrolment)
}

// DueTasks returns tasks that can be claimed soon. See usecase.TaskStore.
func (s *Store) DueTasks(ctx context.Context, workspace domain.Workspace, within time.Duration, limit int) ([]usecase.DueTask, error) {
	var tasks []usecase.DueTask
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		tasks, err = collect(ctx, s.db, scanDueTask,
			`SELECT `+taskColumns+`, (extract(epoch FROM GREATEST(t.claimable_at - now(), interval '0')) * 1000000)::bigint
			FROM (
				SELECT t.* `+fromClaimable+` AND t.claimable_at <= now() + $2 * interval '1 microsecond'
				ORDER BY t.claimable_at, t.id LIMIT $3
			) t JOIN enrolments e ON e.workspace = $1 AND e.id = t.enrolment_id ORDER BY t.claimable_at, t.id`, string(workspace), within.Microseconds(), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("selecting due tasks: %w", err)
	}
	return tasks, nil
}

// TasksAppear tells when tasks appear. See usecase.TaskStore.
func (s *Store) TasksAppear(ctx context.Context, workspace domain.Workspace) <-chan struct{} {
	return s.notices.watch(ctx, workspace)
}

func scanTask(row scanner) (domain.Task, error) { return scanTaskAnd(row) }

func scanDueTask(row scanner) (usecase.DueTask, error) {
	var micros int64
	task, err := scanTaskAnd(row, &micros)
	return usecase.DueTask{Task: task, In: time.Duration(micros) * time.Microsecond}, err
}

// scanTaskAnd reads a task and what stands behind its columns.
func scanTaskAnd(row scanner, more ...any) (domain.Task, error) {
	var task domain.Task
	var kind, state string
	err := row.Scan(append([]any{
		&task.ID, &task.EnrolmentID, &task.PlaybookID, &task.PlaybookRevision, &task.Contact, &task.Step, &kind, &task.Title,
		&task.DueAt, &state, &task.ClaimableAt, &task.Attempts, &task.Holder, &task.LeaseToken, &task.Outcome,
	}, more...)...)
	task.Kind, task.State = domain.StepKind(kind), domain.TaskState(state)
	return task, err
}
