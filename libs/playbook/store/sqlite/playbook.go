package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/stepjson"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	codes "modernc.org/sqlite/lib"
)

const (
	// playbookColumns is in the order that scanPlaybook reads.
	playbookColumns = `id, name, description, steps, state, revision, created_at, updated_at`
	// keepSteps belongs to every change of a playbook: the steps of each revision are
	// kept for those who are enrolled in it.
	keepSteps = `INSERT INTO playbook_revisions (workspace, playbook_id, revision, steps) VALUES (?, ?, ?, ?)`
)

// CreatePlaybook stores a new playbook. Fails with AlreadyExists when its ID is
// taken.
func (s *Store) CreatePlaybook(ctx context.Context, workspace domain.Workspace, playbook domain.Playbook) error {
	steps, err := stepjson.Encode(playbook.Steps)
	if err != nil {
		return err
	}
	err = s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`INSERT INTO playbooks (workspace, `+playbookColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			string(workspace), playbook.ID, playbook.Name, playbook.Description, steps, string(playbook.State), playbook.Revision,
			micros(playbook.CreatedAt), micros(playbook.UpdatedAt))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, keepSteps, string(workspace), playbook.ID, playbook.Revision, steps)
		return err
	})
	if violates(err, codes.SQLITE_CONSTRAINT_PRIMARYKEY) {
		return domain.Errorf(domain.AlreadyExists, "playbook %s exists already", playbook.ID)
	}
	if err != nil {
		return fmt.Errorf("inserting a playbook: %w", err)
	}
	return nil
}

// Playbook returns a playbook by its ID. Fails with NotFound.
func (s *Store) Playbook(ctx context.Context, workspace domain.Workspace, id string) (domain.Playbook, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	playbook, err := scanPlaybook(s.db.QueryRowContext(limited,
		`SELECT `+playbookColumns+` FROM playbooks WHERE workspace = ? AND id = ?`, string(workspace), id))
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Playbook{}, domain.Missing("playbook", id)
	}
	if err != nil {
		return domain.Playbook{}, fmt.Errorf("selecting a playbook: %w", translate(ctx, err))
	}
	return playbook, nil
}

// Playbooks returns up to limit playbooks after a position, the newest first.
func (s *Store) Playbooks(ctx context.Context, workspace domain.Workspace, after *usecase.Position, limit int) ([]domain.Playbook, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	query := `SELECT ` + playbookColumns + ` FROM playbooks WHERE workspace = ?`
	args := []any{string(workspace)}
	if after != nil {
		query += ` AND (created_at, id) < (?, ?)`
		args = append(args, micros(after.CreatedAt), after.ID)
	}
	playbooks, err := collect(limited, s.db, scanPlaybook, query+` ORDER BY created_at DESC, id DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("selecting playbooks: %w", translate(ctx, err))
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
	err = s.transact(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		result, err = tx.ExecContext(ctx,
			`UPDATE playbooks SET name = ?, description = ?, steps = ?, state = ?, revision = ?, updated_at = ?
			 WHERE workspace = ? AND id = ? AND revision = ?`,
			playbook.Name, playbook.Description, steps, string(playbook.State), playbook.Revision,
			micros(playbook.UpdatedAt), string(workspace), playbook.ID, from)
		if err != nil {
			return err
		}
		if count, err := result.RowsAffected(); err != nil || count == 0 {
			return err
		}
		_, err = tx.ExecContext(ctx, keepSteps, string(workspace), playbook.ID, playbook.Revision, steps)
		return err
	})
	if err != nil {
		return fmt.Errorf("updating a playbook: %w", err)
	}
	return s.changed(ctx, workspace, result, playbook.ID, from)
}

// Steps returns the steps that a playbook had at a revision. Fails with NotFound.
func (s *Store) Steps(ctx context.Context, workspace domain.Workspace, playbookID string, revision int64) ([]domain.Step, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var steps string
	err := s.db.QueryRowContext(limited, `SELECT steps FROM playbook_revisions WHERE workspace = ? AND playbook_id = ? AND revision = ?`,
		string(workspace), playbookID, revision).Scan(&steps)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, domain.Errorf(domain.NotFound, "there is no revision %d of a playbook %s", revision, playbookID).With("playbook_id", playbookID)
	}
	if err != nil {
		return nil, fmt.Errorf("selecting steps: %w", translate(ctx, err))
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

func scanPlaybook(row scanner) (domain.Playbook, error) {
	var playbook domain.Playbook
	var steps, state string
	var created, updated int64
	err := row.Scan(&playbook.ID, &playbook.Name, &playbook.Description, &steps, &state, &playbook.Revision,
		&created, &updated)
	if err != nil {
		return domain.Playbook{}, err
	}
	if playbook.Steps, err = stepjson.Decode(steps); err != nil {
		return domain.Playbook{}, err
	}
	playbook.State = domain.PlaybookState(state)
	playbook.CreatedAt, playbook.UpdatedAt = instant(created), instant(updated)
	return playbook, nil
}
