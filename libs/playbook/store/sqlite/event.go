package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// ApplyEvent moves the contact's enrolments with their tasks and remembers the event,
// or does nothing when it is remembered already.
func (s *Store) ApplyEvent(ctx context.Context, workspace domain.Workspace, event domain.Event, at time.Time) (moved int, err error) {
	err = s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx,
			`INSERT INTO webhook_events (workspace, provider, event_id, type, contact, occurred_at, applied_at)
			 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			string(workspace), event.Provider, event.ID, string(event.Type), event.Contact, micros(event.OccurredAt), micros(at))
		if err != nil {
			return err
		}
		if count, err := result.RowsAffected(); err != nil || count == 0 {
			return err
		}
		result, err = tx.ExecContext(ctx,
			`UPDATE enrolments SET state = ?1 WHERE workspace = ?2 AND contact = ?3 AND state IN ('ACTIVE', 'PAUSED') AND state <> ?1`,
			string(event.Effect()), string(workspace), event.Contact)
		if err != nil {
			return err
		}
		count, err := result.RowsAffected()
		if moved = int(count); err != nil || event.Effect() != domain.EnrolmentCancelled {
			return err
		}
		// The tasks of those that were cancelled before are cancelled already.
		_, err = tx.ExecContext(ctx,
			`UPDATE tasks SET state = 'CANCELLED' WHERE workspace = ?1 AND state IN ('PENDING', 'LEASED', 'FAILED')
			 AND enrolment_id IN (SELECT id FROM enrolments WHERE workspace = ?1 AND contact = ?2 AND state = 'CANCELLED')`,
			string(workspace), event.Contact)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("applying an event: %w", err)
	}
	return moved, nil
}

// PurgeEvents forgets up to limit events that were applied before a time.
func (s *Store) PurgeEvents(ctx context.Context, workspace domain.Workspace, before time.Time, limit int) error {
	_, err := s.change(ctx,
		`DELETE FROM webhook_events WHERE rowid IN (
			SELECT rowid FROM webhook_events WHERE workspace = ? AND applied_at < ? ORDER BY applied_at LIMIT ?)`,
		string(workspace), micros(before), limit)
	if err != nil {
		return fmt.Errorf("deleting events: %w", err)
	}
	return nil
}
