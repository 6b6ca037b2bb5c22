package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

const enrolmentColumns = `id, playbook_id, playbook_revision, contact, state, current_step, due_at, created_at`

// CreateEnrolment stores a new enrolment. Fails with AlreadyExists, NotFound and
// Conflict, see usecase.EnrolmentStore.
func (s *Store) CreateEnrolment(ctx context.Context, enrolment domain.Enrolment) error {
	limited, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	// FOR SHARE holds the playbook at this revision until the enrolment is
	// committed: nobody can archive it between the two.
	result, err := s.db.ExecContext(limited,
		`INSERT INTO enrolments (`+enrolmentColumns+`)
		 SELECT $1, id, revision, $4, $5, $6, $7, $8 FROM playbooks WHERE id = $2 AND revision = $3 FOR SHARE`,
		enrolment.ID, enrolment.PlaybookID, enrolment.PlaybookRevision, enrolment.Contact, string(enrolment.State),
		enrolment.CurrentStep, enrolment.DueAt, enrolment.CreatedAt)
	switch constraint(err) {
	case "":
	case "enrolments_one_live":
		return domain.Errorf(domain.AlreadyExists, "contact %q has a live enrolment in playbook %s already",
			enrolment.Contact, enrolment.PlaybookID)
	default:
		return domain.Errorf(domain.AlreadyExists, "enrolment %s exists already", enrolment.ID)
	}
	if err != nil {
		return fmt.Errorf("inserting an enrolment: %w", translate(ctx, err))
	}
	return s.changed(ctx, result, enrolment.PlaybookID, enrolment.PlaybookRevision)
}

// Enrolment returns an enrolment by its ID. Fails with NotFound.
func (s *Store) Enrolment(ctx context.Context, id string) (domain.Enrolment, error) {
	limited, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	var enrolment domain.Enrolment
	var state string
	err := s.db.QueryRowContext(limited, `SELECT `+enrolmentColumns+` FROM enrolments WHERE id = $1`, id).Scan(
		&enrolment.ID, &enrolment.PlaybookID, &enrolment.PlaybookRevision, &enrolment.Contact, &state,
		&enrolment.CurrentStep, &enrolment.DueAt, &enrolment.CreatedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Enrolment{}, domain.Errorf(domain.NotFound, "there is no enrolment %s", id)
	}
	if err != nil {
		return domain.Enrolment{}, fmt.Errorf("selecting an enrolment: %w", translate(ctx, err))
	}
	enrolment.State = domain.EnrolmentState(state)
	return enrolment, nil
}

// UpdateEnrolment replaces an enrolment. Fails with NotFound and Conflict, see
// usecase.EnrolmentStore.
func (s *Store) UpdateEnrolment(ctx context.Context, enrolment, from domain.Enrolment) error {
	limited, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	result, err := s.db.ExecContext(limited,
		`UPDATE enrolments SET state = $4, current_step = $5, due_at = $6 WHERE id = $1 AND state = $2 AND current_step = $3`,
		enrolment.ID, string(from.State), from.CurrentStep, string(enrolment.State), enrolment.CurrentStep, enrolment.DueAt)
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
