package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	codes "modernc.org/sqlite/lib"
)

const enrolmentColumns = `id, playbook_id, playbook_revision, contact, state, current_step, due_at, created_at`

// CreateEnrolment stores a new enrolment. Fails with AlreadyExists, NotFound and
// Conflict, see usecase.EnrolmentStore. One statement is one transaction, so
// the playbook cannot change between the check and the insert.
func (s *Store) CreateEnrolment(ctx context.Context, enrolment domain.Enrolment) error {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	result, err := s.db.ExecContext(limited,
		`INSERT INTO enrolments (`+enrolmentColumns+`)
		 SELECT ?, id, revision, ?, ?, ?, ?, ? FROM playbooks WHERE id = ? AND revision = ?`,
		enrolment.ID, enrolment.Contact, string(enrolment.State), enrolment.CurrentStep,
		micros(enrolment.DueAt), micros(enrolment.CreatedAt), enrolment.PlaybookID, enrolment.PlaybookRevision)
	switch {
	case violates(err, codes.SQLITE_CONSTRAINT_PRIMARYKEY):
		return domain.Errorf(domain.AlreadyExists, "enrolment %s exists already", enrolment.ID)
	case violates(err, codes.SQLITE_CONSTRAINT_UNIQUE):
		return domain.Errorf(domain.AlreadyExists, "contact %q has a live enrolment in playbook %s already",
			enrolment.Contact, enrolment.PlaybookID)
	case err != nil:
		return fmt.Errorf("inserting an enrolment: %w", translate(ctx, err))
	}
	return s.changed(ctx, result, enrolment.PlaybookID, enrolment.PlaybookRevision)
}

// Enrolment returns an enrolment by its ID. Fails with NotFound.
func (s *Store) Enrolment(ctx context.Context, id string) (domain.Enrolment, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var enrolment domain.Enrolment
	var state string
	var due, created int64
	err := s.db.QueryRowContext(limited, `SELECT `+enrolmentColumns+` FROM enrolments WHERE id = ?`, id).Scan(
		&enrolment.ID, &enrolment.PlaybookID, &enrolment.PlaybookRevision, &enrolment.Contact, &state,
		&enrolment.CurrentStep, &due, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Enrolment{}, domain.Errorf(domain.NotFound, "there is no enrolment %s", id)
	}
	if err != nil {
		return domain.Enrolment{}, fmt.Errorf("selecting an enrolment: %w", translate(ctx, err))
	}
	enrolment.State = domain.EnrolmentState(state)
	enrolment.DueAt, enrolment.CreatedAt = instant(due), instant(created)
	return enrolment, nil
}

// UpdateEnrolment replaces an enrolment. Fails with NotFound and Conflict, see
// usecase.EnrolmentStore.
func (s *Store) UpdateEnrolment(ctx context.Context, enrolment, from domain.Enrolment) error {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	result, err := s.db.ExecContext(limited,
		`UPDATE enrolments SET state = ?, current_step = ?, due_at = ? WHERE id = ? AND state = ? AND current_step = ?`,
		string(enrolment.State), enrolment.CurrentStep, micros(enrolment.DueAt), enrolment.ID, string(from.State), from.CurrentStep)
	if err != nil {
		return fmt.Errorf("updating an enrolment: %w", translate(ctx, err))
	}
	count, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("counting changed rows: %w", err)
	}
	if count > 0 {
		return nil
	}
	if _, err := s.Enrolment(ctx, enrolment.ID); err != nil {
		return err
	}
	return domain.Errorf(domain.Conflict, "enrolment %s was moved meanwhile", enrolment.ID)
}
