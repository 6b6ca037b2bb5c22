package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// enrolmentColumns is in the order that scanEnrolment reads.
const enrolmentColumns = `id, playbook_id, playbook_revision, contact, state, current_step, due_at, created_at`

// CreateEnrolment stores a new enrolment. Fails with AlreadyExists, NotFound and
// Conflict, see usecase.EnrolmentStore.
func (s *Store) CreateEnrolment(ctx context.Context, workspace domain.Workspace, enrolment domain.Enrolment, first domain.Task) error {
	var result sql.Result
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		// FOR SHARE holds the playbook at this revision until the enrolment is
		// committed: nobody can archive it between the two.
		result, err = s.db.ExecContext(ctx,
			`WITH enrolled AS (
				INSERT INTO enrolments (workspace, `+enrolmentColumns+`)
				SELECT workspace, $2, id, revision, $5, $6, $7, $8, $9 FROM playbooks
				WHERE workspace = $1 AND id = $3 AND revision = $4 FOR SHARE
				RETURNING enrolments.id
			)
			INSERT INTO tasks (`+newTaskColumns+`)
			SELECT $1, $10, enrolled.id, $11, $12, $13, $14, $15, $16, 0, '', '' FROM enrolled`+notifyIfSoon,
			string(workspace), enrolment.ID, enrolment.PlaybookID, enrolment.PlaybookRevision, enrolment.Contact, string(enrolment.State),
			enrolment.CurrentStep, enrolment.DueAt, enrolment.CreatedAt,
			first.ID, first.Step, string(first.Kind), first.Title, first.DueAt, string(first.State), first.ClaimableAt)
		return err
	})
	switch constraint(err) {
	case "":
	case "enrolments_one_live":
		return domain.AlreadyEnrolled(enrolment.Contact, enrolment.PlaybookID)
	default:
		return domain.Errorf(domain.AlreadyExists, "enrolment %s exists already", enrolment.ID)
	}
	if err != nil {
		return fmt.Errorf("inserting an enrolment: %w", err)
	}
	return s.changed(ctx, workspace, result, enrolment.PlaybookID, enrolment.PlaybookRevision)
}

// Enrolment returns an enrolment by its ID. Fails with NotFound.
func (s *Store) Enrolment(ctx context.Context, workspace domain.Workspace, id string) (domain.Enrolment, error) {
	var enrolment domain.Enrolment
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		enrolment, err = scanEnrolment(s.db.QueryRowContext(ctx,
			`SELECT `+enrolmentColumns+` FROM enrolments WHERE workspace = $1 AND id = $2`, string(workspace), id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Enrolment{}, domain.Missing("enrolment", id)
	}
	if err != nil {
		return domain.Enrolment{}, fmt.Errorf("selecting an enrolment: %w", err)
	}
	return enrolment, nil
}

// Enrolments returns up to limit enrolments after a position, the newest first.
func (s *Store) Enrolments(ctx context.Context, workspace domain.Workspace, filter usecase.EnrolmentFilter, after *usecase.Position, limit int) ([]domain.Enrolment, error) {
	query := `SELECT ` + enrolmentColumns + ` FROM enrolments WHERE workspace = $1 AND playbook_id = $2`
	args := []any{string(workspace), filter.PlaybookID, limit}
	if filter.State != "" {
		args = append(args, string(filter.State))
		query += fmt.Sprintf(` AND state = $%d`, len(args))
	}
	if filter.Contact != "" {
		args = append(args, filter.Contact)
		query += fmt.Sprintf(` AND contact = $%d`, len(args))
	}
	if after != nil {
		args = append(args, after.CreatedAt, after.ID)
		query += fmt.Sprintf(` AND (created_at, id) < ($%d, $%d)`, len(args)-1, len(args))
	}
	var enrolments []domain.Enrolment
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		enrolments, err = collect(ctx, s.db, scanEnrolment, query+` ORDER BY created_at DESC, id DESC LIMIT $3`, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("selecting enrolments: %w", err)
	}
	return enrolments, nil
}

// UpdateEnrolment replaces an enrolment. Fails with NotFound and Conflict, see
// usecase.EnrolmentStore.
func (s *Store) UpdateEnrolment(ctx context.Context, workspace domain.Workspace, enrolment, from domain.Enrolment) error {
	var moved int
	err := s.do(ctx, workspace, func(ctx context.Context) error {
		return s.db.QueryRowContext(ctx,
			`WITH moved AS (
				UPDATE enrolments SET state = $5, current_step = $6, due_at = $7
				WHERE workspace = $1 AND id = $2 AND state = $3 AND current_step = $4
				RETURNING id, state
			), cancelled AS (
				UPDATE tasks SET state = 'CANCELLED' FROM moved
				WHERE tasks.workspace = $1 AND tasks.enrolment_id = moved.id AND moved.state = 'CANCELLED'
				AND tasks.state IN ('PENDING', 'LEASED', 'FAILED')
			), retried AS (
				UPDATE tasks SET state = 'PENDING', claimable_at = due_at, attempts = 0 FROM moved
				WHERE tasks.workspace = $1 AND tasks.enrolment_id = moved.id AND moved.state = 'ACTIVE' AND tasks.state = 'FAILED'
			)
			SELECT count(*), max(CASE WHEN state = 'ACTIVE' THEN pg_notify('`+noticeChannel+`', $1)::text END) FROM moved`,
			string(workspace), enrolment.ID, string(from.State), from.CurrentStep, string(enrolment.State), enrolment.CurrentStep, enrolment.DueAt,
		).Scan(&moved, new(sql.NullString))
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
	err := row.Scan(&enrolment.ID, &enrolment.PlaybookID, &enrolment.PlaybookRevision, &enrolment.Contact, &state,
		&enrolment.CurrentStep, &enrolment.DueAt, &enrolment.CreatedAt)
	enrolment.State = domain.EnrolmentState(state)
	return enrolment, err
}
