package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// ApplyEvent moves the contact's enrolments with their tasks and remembers the event,
// or does nothing when it is remembered already. The tasks are cancelled by a second
// statement: the first may have waited for somebody who was completing a task, and
// does not see the one that was made with that.
func (s *Store) ApplyEvent(ctx context.Context, workspace domain.Workspace, event domain.Event, at time.Time) (int, error) {
	var moved int
	err := s.transact(ctx, workspace, func(ctx context.Context, tx *sql.Tx) error {
		var enrolments string
		err := tx.QueryRowContext(ctx,
			`WITH news AS (
				INSERT INTO webhook_events (workspace, provider, event_id, type, contact, occurred_at, applied_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING contact
			), moved AS (
				UPDATE enrolments SET state = $8 FROM news
				WHERE enrolments.workspace = $1 AND enrolments.contact = news.contact
				AND enrolments.state IN ('ACTIVE', 'PAUSED') AND enrolments.state <> $8
				RETURNING enrolments.id
			)
			SELECT count(*), COALESCE(json_agg(id ORDER BY id)::text, '[]') FROM moved`,
			string(workspace), event.Provider, event.ID, string(event.Type), event.Contact, event.OccurredAt, at, string(event.Effect()),
		).Scan(&moved, &enrolments)
		if err != nil || moved == 0 || event.Effect() != domain.EnrolmentCancelled {
			return err
		}
		_, err = tx.ExecContext(ctx,
			`UPDATE tasks SET state = 'CANCELLED' FROM json_array_elements_text($2) AS cancelled (id)
			WHERE tasks.workspace = $1 AND tasks.enrolment_id = cancelled.id::uuid
			AND tasks.state IN ('PENDING', 'LEASED', 'FAILED')`,
			string(workspace), enrolments)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("applying an event: %w", err)
	}
	return moved, nil
}

// PurgeEvents forgets up to limit events that were applied before a time.
func (s *Store) PurgeEvents(ctx context.Context, workspace domain.Workspace, before time.Time, limit int) error {
	// Those that another process is removing are left to it.
	_, err := s.change(ctx, workspace,
		`DELETE FROM webhook_events WHERE workspace = $1 AND (provider, event_id) IN (
			SELECT provider, event_id FROM webhook_events WHERE workspace = $1 AND applied_at < $2
			ORDER BY applied_at LIMIT $3 FOR UPDATE SKIP LOCKED)`,
		string(workspace), before, limit)
	if err != nil {
		return fmt.Errorf("deleting events: %w", err)
	}
	return nil
}
