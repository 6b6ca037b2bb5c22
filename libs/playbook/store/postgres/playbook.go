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

// playbookColumns is in the order that scanPlaybook reads.
const playbookColumns = `id, name, description, steps, state, revision, created_at, updated_at`

// CreatePlaybook stores a new playbook. Fails with AlreadyExists when its ID is
// taken.
func (s *Store) CreatePlaybook(ctx context.Context, playbook domain.Playbook) error {
	limited, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	steps, err := stepjson.Encode(playbook.Steps)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(limited,
		`INSERT INTO playbooks (`+playbookColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		playbook.ID, playbook.Name, playbook.Description, steps, string(playbook.State), playbook.Revision,
		playbook.CreatedAt, playbook.UpdatedAt)
	if constraint(err) != "" {
		return domain.Errorf(domain.AlreadyExists, "playbook %s exists already", playbook.ID)
	}
	if err != nil {
		return fmt.Errorf("inserting a playbook: %w", translate(ctx, err))
	}
	return nil
}

// Playbook returns a playbook by its ID. Fails with NotFound.
func (s *Store) Playbook(ctx context.Context, id string) (domain.Playbook, error) {
	limited, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	playbook, err := scanPlaybook(s.db.QueryRowContext(limited, `SELECT `+playbookColumns+` FROM playbooks WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Playbook{}, domain.Errorf(domain.NotFound, "there is no playbook %s", id)
	}
	if err != nil {
		return domain.Playbook{}, fmt.Errorf("selecting a playbook: %w", translate(ctx, err))
	}
	return playbook, nil
}

// Playbooks returns up to limit playbooks after a position, the newest first.
func (s *Store) Playbooks(ctx context.Context, after *usecase.Position, limit int) ([]domain.Playbook, error) {
	limited, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	query := `SELECT ` + playbookColumns + ` FROM playbooks`
	args := []any{limit}
	if after != nil {
		query += ` WHERE (created_at, id) < ($2, $3)`
		args = append(args, after.CreatedAt, after.ID)
	}
	rows, err := s.db.QueryContext(limited, query+` ORDER BY created_at DESC, id DESC LIMIT $1`, args...)
	if err != nil {
		return nil, fmt.Errorf("selecting playbooks: %w", translate(ctx, err))
	}
	defer rows.Close()
	var playbooks []domain.Playbook
	for rows.Next() {
		playbook, err := scanPlaybook(rows)
		if err != nil {
			return nil, fmt.Errorf("reading a playbook: %w", translate(ctx, err))
		}
		playbooks = append(playbooks, playbook)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("selecting playbooks: %w", translate(ctx, err))
	}
	return playbooks, nil
}

// UpdatePlaybook replaces the playbook with the same ID at revision from. Fails
// with NotFound and Conflict.
func (s *Store) UpdatePlaybook(ctx context.Context, playbook domain.Playbook, from int64) error {
	limited, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	steps, err := stepjson.Encode(playbook.Steps)
	if err != nil {
		return err
	}
	result, err := s.db.ExecContext(limited,
		`UPDATE playbooks SET name = $3, description = $4, steps = $5, state = $6, revision = $7, updated_at = $8
		 WHERE id = $1 AND revision = $2`,
		playbook.ID, from, playbook.Name, playbook.Description, steps, string(playbook.State), playbook.Revision,
		playbook.UpdatedAt)
	if err != nil {
		return fmt.Errorf("updating a playbook: %w", translate(ctx, err))
	}
	return s.changed(ctx, result, playbook.ID, from)
}

// changed returns nil when a statement changed a row, and otherwise says why no
// playbook had this ID and revision.
func (s *Store) changed(ctx context.Context, result sql.Result, id string, revision int64) error {
	count, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("counting changed rows: %w", err)
	}
	if count > 0 {
		return nil
	}
	if _, err := s.Playbook(ctx, id); err != nil {
		return err
	}
	return domain.Errorf(domain.Conflict, "playbook %s is not at revision %d any more", id, revision)
}

func scanPlaybook(row interface{ Scan(...any) error }) (domain.Playbook, error) {
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
