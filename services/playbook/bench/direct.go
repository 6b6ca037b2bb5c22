package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The statements that the store sends.
const (
	setWorkspace = `SELECT set_config('playbook.workspace', $1, true)`

	selectPlaybook = `SELECT id, name, description, steps, state, revision, created_at, updated_at FROM playbooks WHERE workspace = $1 AND id = $2`

	insertEnrolment = `
		WITH enrolled AS (
			INSERT INTO enrolments (workspace, id, playbook_id, playbook_revision, contact, state, current_step, due_at, created_at)
			SELECT workspace, $2, id, revision, $5, $6, $7, $8, $9 FROM playbooks
			WHERE workspace = $1 AND id = $3 AND revision = $4 FOR SHARE
			RETURNING enrolments.id
		)
		INSERT INTO tasks (workspace, id, enrolment_id, step, kind, title, due_at, state, claimable_at, attempts, holder, outcome)
		SELECT $1, $10, enrolled.id, $11, $12, $13, $14, $15, $16, 0, '', '' FROM enrolled
		RETURNING CASE WHEN claimable_at <= now() + interval '5 seconds' THEN pg_notify('playbook_tasks', workspace)::text END`

	claimTasks = `
		WITH due AS (
			SELECT t.id FROM tasks t WHERE t.workspace = $1 AND t.state IN ('PENDING', 'LEASED')
			AND (SELECT e.state FROM enrolments e WHERE e.workspace = $1 AND e.id = t.enrolment_id) = 'ACTIVE'
			AND t.claimable_at <= now() ORDER BY t.claimable_at, t.id LIMIT $2 FOR UPDATE OF t SKIP LOCKED
		), claimed AS (
			UPDATE tasks SET state = 'LEASED', claimable_at = clock_timestamp() + $3::bigint * interval '1 microsecond',
				attempts = tasks.attempts + 1, holder = $4, lease_token = $5
			FROM due WHERE tasks.workspace = $1 AND tasks.id = due.id RETURNING tasks.*
		)
		SELECT t.id, t.enrolment_id, e.playbook_id, e.playbook_revision, e.contact, t.step, t.kind, t.title,
			t.due_at, t.state, t.claimable_at, t.attempts, t.holder, COALESCE(t.lease_token::text, ''), t.outcome
		FROM claimed t JOIN enrolments e ON e.workspace = $1 AND e.id = t.enrolment_id ORDER BY t.due_at, t.id`
)

// direct does the same with pgx alone.
func (s *stage) direct() map[string]operation {
	return map[string]operation{
		"read": func(ctx context.Context, n int64) error {
			_, err := s.send(ctx, selectPlaybook, string(workspace), s.ids[n%playbooks])
			return err
		},
		"write": func(ctx context.Context, n int64) error {
			id := s.ids[n%playbooks]
			if _, err := s.send(ctx, selectPlaybook, string(workspace), id); err != nil {
				return err
			}
			now := time.Now()
			rows, err := s.send(ctx, insertEnrolment, string(workspace), newID(), id, 2, fmt.Sprintf("contact-%d", n), "ACTIVE", 0, now, now,
				newID(), 0, "EMAIL", "Say hello", now, "PENDING", now)
			if err == nil && rows != 1 {
				err = fmt.Errorf("stored %d enrolments, want 1", rows)
			}
			return err
		},
		"claim": func(ctx context.Context, _ int64) error {
			rows, err := s.send(ctx, claimTasks, string(workspace), claimed, lease.Microseconds(), "bench", newID())
			if err == nil && rows == 0 {
				err = errNoTasks
			}
			return err
		},
	}
}

// send sends one statement with the workspace's setting, in one round trip as the
// store does, reads what it returns and counts the rows.
func (s *stage) send(ctx context.Context, query string, args ...any) (count int, err error) {
	batch := &pgx.Batch{}
	batch.Queue(setWorkspace, string(workspace))
	batch.Queue(query, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if _, err := rows.Values(); err != nil {
				return err
			}
			count++
		}
		return rows.Err()
	})
	return count, s.pool.SendBatch(ctx, batch).Close()
}
