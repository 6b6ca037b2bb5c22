package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	codes "modernc.org/sqlite/lib"
)

// enrolmentColumns is in the order that scanEnrolment reads.
const enrolmentColumns = `id, playbook_id, playbook_revision, contact, state, current_step, due_at, created_at`

// CreateEnrolment stores a new enrolment with its first task. Fails with
// AlreadyExists, NotFound and Conflict, see usecase.EnrolmentStore.
func (s *Store) CreateEnrolment(ctx context.Context, workspace domain.Workspace, enrolment domain.Enrolment, first domain.Task) error {
	var result sql.Result
	err := s.transact(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		result, err = tx.ExecContext(ctx,
			`INSERT INTO enrolments (workspace, `+enrolmentColumns+`)
			 SELECT workspace, ?, id, revision, ?, ?, ?, ?, ? FROM playbooks WHERE workspace = ? AND id = ? AND revision = ?`,
			enrolment.ID, enrolment.Contact, string(enrolment.State), enrolment.CurrentStep,
			micros(enrolment.DueAt), micros(enrolment.CreatedAt), string(workspace), enrolment.PlaybookID, enrolment.PlaybookRevision)
		if err != nil {
			return err
		}
		if count, err := result.RowsAffected(); err != nil || count == 0 {
			return err
		}
		return createTask(ctx, tx, workspace, first)
	})
	switch {
	case violates(err, codes.SQLITE_CONSTRAINT_PRIMARYKEY):
		return domain.Errorf(domain.AlreadyExists, "enrolment %s exists already", enrolment.ID)
	case violates(err, codes.SQLITE_CONSTRAINT_UNIQUE):
		return domain.AlreadyEnrolled(enrolment.Contact, enrolment.PlaybookID)
	case err != nil:
		return fmt.Errorf("inserting an enrolment: %w", err)
	}
	return s.changed(ctx, workspace, result, enrolment.PlaybookID, enrolment.PlaybookRevision)
}

// Enrolment returns an enrolment by its ID. Fails with NotFound.
func (s *Store) Enrolment(ctx context.Context, workspace domain.Workspace, id string) (domain.Enrolment, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	enrolment, err := scanEnrolment(s.db.QueryRowContext(limited,
		`SELECT `+enrolmentColumns+` FROM enrolments WHERE workspace = ? AND id = ?`, string(workspace), id))
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Enrolment{}, domain.Missing("enrolment", id)
	}
	if err != nil {
		return domain.Enrolment{}, fmt.Errorf("selecting an enrolment: %w", translate(ctx, err))
	}
	return enrolment, nil
}

// Enrolments returns up to limit enrolments after a position, the newest first.
func (s *Store) Enrolments(ctx context.Context, workspace domain.Workspace, filter usecase.EnrolmentFilter, after *usecase.Position, limit int) ([]domain.Enrolment, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	query := `SELECT ` + enrolmentColumns + ` FROM enrolments WHERE workspace = ? AND playbook_id = ?`
	args := []any{string(workspace), filter.PlaybookID}
	if filter.State != "" {
		query += ` AND state = ?`
		args = append(args, string(filter.State))
	}
	if filter.Contact != "" {
		query += ` AND contact = ?`
		args = append(args, filter.Contact)
	}
	if after != nil {
		query += ` AND (created_at, id) < (?, ?)`
		args = append(args, micros(after.CreatedAt), after.ID)
	}
	enrolments, err := collect(limited, s.db, scanEnrolment, query+` ORDER BY created_at DESC, id DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("selecting enrolments: %w", translate(ctx, err))
	}
	return enrolments, nil
}

// UpdateEnrolment replaces an enrolment. Fails with NotFound and Conflict, see
// usecase.EnrolmentStore.
func (s *Store) UpdateEnrolment(ctx context.Context, workspace domain.Workspace, enrolment, from domain.Enrolment) error {
	var moved int64
	err := s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx,
			`UPDATE enrolments SET state = ?, current_step = ?, due_at = ?
			 WHERE workspace = ? AND id = ? AND state = ? AND current_step = ?`,
			string(enrolment.State), enrolment.CurrentStep, micros(enrolment.DueAt), string(workspace), enrolment.ID, string(from.State), from.CurrentStep)
		if err != nil {
			return err
		}
		if moved, err = result.RowsAffected(); err != nil || moved == 0 {
			return err
		}
		return followEnrolment(ctx, tx, workspace, enrolment)
	})
	if err != nil {
		return fmt.Errorf("updating an enrolment: %w", err)
	}
	if moved > 0 {
		return nil
	}
	if _, err := s.Enrolment(ctx, workspace, enrolment.ID); err != nil {
		return err
	}
	return enrolment.Moved()
}

func scanEnrolment(row scanner) (domain.Enrolment, error) {
	var enrolment domain.Enrolment
	var state string
	var due, created int64
	err := row.Scan(&enrolment.ID, &enrolment.PlaybookID, &enrolment.PlaybookRevision, &enrolment.Contact, &state,
		&enrolment.CurrentStep, &due, &created)
	enrolment.State = domain.EnrolmentState(state)
	enrolment.DueAt, enrolment.CreatedAt = instant(due), instant(created)
	return enrolment, err
}
