package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// CreateEnrolments stores new enrolments in one playbook, in one transaction. See
// usecase.EnrolmentStore.
func (s *Store) CreateEnrolments(ctx context.Context, workspace domain.Workspace, enrolments []domain.Enrolment, first []domain.Task) ([]bool, error) {
	playbookID, expected := enrolments[0].PlaybookID, enrolments[0].PlaybookRevision
	stored := make([]bool, len(enrolments))
	err := s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var revision int64
		err := tx.QueryRowContext(ctx, `SELECT revision FROM playbooks WHERE workspace = ? AND id = ?`, string(workspace), playbookID).Scan(&revision)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return domain.Missing("playbook", playbookID)
		case err != nil:
			return err
		case revision != expected:
			return domain.Playbook{ID: playbookID, Revision: revision}.NotAt(expected)
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO enrolments (workspace, `+enrolmentColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (workspace, playbook_id, contact) WHERE state IN ('ACTIVE', 'PAUSED') DO NOTHING`)
		if err != nil {
			return err
		}
		defer insert.Close()
		for i, e := range enrolments {
			result, err := insert.ExecContext(ctx, string(workspace), e.ID, e.PlaybookID, e.PlaybookRevision, e.Contact, string(e.State),
				e.CurrentStep, micros(e.DueAt), micros(e.CreatedAt))
			if err != nil {
				return err
			}
			count, err := result.RowsAffected()
			if err != nil {
				return err
			}
			if stored[i] = count > 0; !stored[i] {
				continue
			}
			if err := createTask(ctx, tx, workspace, first[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("inserting enrolments: %w", err)
	}
	return stored, nil
}
