package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/stepjson"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

const (
	// playbookColumns is in the order that scanPlaybook reads.
	playbookColumns = `id, name, description, steps, state, revision, created_at, updated_at`
	// keepSteps is the end of a statement that changes a playbook: the steps of each
	// revision are kept for those who are enrolled in it.
	keepSteps = ` RETURNING workspace, id, revision, steps)
		 INSERT INTO playbook_revisions (workspace, playbook_id, revision, steps) SELECT workspace, id, revision, steps FROM changed`
)

// CreatePlaybook stores a new playbook. Fails with AlreadyExists when its ID is
// taken.
func (s *Store) CreatePlaybook(ctx context.Context, workspace domain.Workspace, playbook domain.Playbook) error {
	steps, err := stepjson.Encode(playbook.Steps)
	if err != nil {
		return err
	}
	err = s.do(ctx, workspace, func(ctx context.Context) error {
		_, err := s.db.ExecContext(ctx,
			`WITH changed AS (INSERT INTO playbooks (workspace, `+playbookColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`+keepSteps,
			string(workspace), playbook.ID, playbook.Name, playbook.Description, steps, string(playbook.State), playbook.Revision,
			playbook.CreatedAt, playbook.UpdatedAt)
		return err
	})
	if constraint(err) != "" {
		return domain.Errorf(domain.AlreadyExists, "playbook %s exists already", playbook.ID)
	}
	if err != nil {
		return fmt.Errorf("inserting a playbook: %w", err)
	}
	return nil
}

// Playbook returns a playbook by its ID. Fails with NotFound.
func (s *Store) Playbook(ctx context.Context, workspace domain.Workspace, id string) (domain.Playbook, error) {
	var playbook domain.Playbook
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		playbook, err = scanPlaybook(s.db.QueryRowContext(ctx,
			`SELECT `+playbookColumns+` FROM playbooks WHERE workspace = $1 AND id = $2`, string(workspace), id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Playbook{}, domain.Missing("playbook", id)
	}
	if err != nil {
		return domain.Playbook{}, fmt.Errorf("selecting a playbook: %w", err)
	}
	return playbook, nil
}

// Playbooks returns up to limit playbooks after a position, the newest first.
func (s *Store) Playbooks(ctx context.Context, workspace domain.Workspace, after *usecase.Position, limit int) ([]domain.Playbook, error) {
	query := `SELECT ` + playbookColumns + ` FROM playbooks WHERE workspace = $1`
	args := []any{string(workspace), limit}
	if after != nil {
		query += ` AND (created_at, id) < ($3, $4)`
		args = append(args, after.CreatedAt, after.ID)
	}
	var playbooks []domain.Playbook
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		playbooks, err = collect(ctx, s.db, scanPlaybook, query+` ORDER BY created_at DESC, id DESC LIMIT $2`, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("selecting playbooks: %w", err)
	}
	return playbooks, nil
}

// UpdatePlaybook replaces the playbook with the same ID at revision from. Fails
// with NotFound and Conflict.
func (s *Store) UpdatePlaybook(ctx context.Context, workspace domain.Workspace, playbook domain.Playbook, from int64) error {
	steps, err := stepjson.Encode(playbook.Steps)
	if err != nil {
		return err
	}
	var result sql.Result
	err = s.do(ctx, workspace, func(ctx context.Context) (err error) {
		result, err = s.db.ExecContext(ctx,
			`WITH changed AS (UPDATE playbooks SET name = $4, description = $5, steps = $6, state = $7, revision = $8, updated_at = $9
			 WHERE workspace = $1 AND id = $2 AND revision = $3`+keepSteps,
			string(workspace), playbook.ID, from, playbook.Name, playbook.Description, steps, string(playbook.State), playbook.Revision,
			playbook.UpdatedAt)
		return err
	})
	if err != nil {
		return fmt.Errorf("updating a playbook: %w", err)
	}
	return s.changed(ctx, workspace, result, playbook.ID, from)
}

// Steps returns the steps that a playbook had at a revision. Fails with NotFound.
func (s *Store) Steps(ctx context.Context, workspace domain.Workspace, playbookID string, revision int64) ([]domain.Step, error) {
	var steps string
	err := s.do(ctx, workspace, func(ctx context.Context) error {
		return s.db.QueryRowContext(ctx, `SELECT steps FROM playbook_revisions WHERE workspace = $1 AND playbook_id = $2 AND revision = $3`,
			string(workspace), playbookID, revision).Scan(&steps)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, domain.Errorf(domain.NotFound, "there is no revision %d of a playbook %s", revision, playbookID).With("playbook_id", playbookID)
	}
	if err != nil {
		return nil, fmt.Errorf("selecting steps: %w", err)
	}
	return stepjson.Decode(steps)
}

// changed returns nil when a statement changed a row, and otherwise says why no
// playbook had this ID and revision.
func (s *Store) changed(ctx context.Context, workspace domain.Workspace, result sql.Result, id string, revision int64) error {
	count, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("counting changed rows: %w", err)
	}
	if count > 0 {
		return nil
	}
	playbook, err := s.Playbook(ctx, workspace, id)
	if err != nil {
		return err
	}
	return playbook.NotAt(revision)
}

// unchanged returns nil when a playbook is at a revision, and otherwise fails with
// NotFound or Conflict.
func (s *Store) unchanged(ctx context.Context, workspace domain.Workspace, id string, revision int64) error {
	playbook, err := s.Playbook(ctx, workspace, id)
	if err != nil || playbook.Revision == revision {
		return err
	}
	return playbook.NotAt(revision)
}

func scanPlaybook(row scanner) (domain.Playbook, error) {
	var playbook domain.Playbook
	var steps, state string
	err := row.Scan(&playbook.ID, &playbook.Name, &playbook.Description, &steps, &state, &playbook.Revision,
		&playbook.CreatedAt, &playbook.UpdatedAt)
	if err != nil {
		return domain.Playbook{}, err
	}
	if playbook.Steps, err = stepjson.Decode(steps); err != nil {
		return domain.Playbook{}, err
	}
	playbook.State = domain.PlaybookState(state)
	return playbook, nil
}
