package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/scopelist"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// keyColumns is in the order that scanKey reads.
const keyColumns = `id, name, scopes, secret_hash, created_at, expires_at, last_used_at, revoked_at`

// CreateKey stores a new key. Fails with AlreadyExists when its ID is taken.
func (s *Store) CreateKey(ctx context.Context, workspace domain.Workspace, key domain.Key) error {
	err := s.do(ctx, workspace, func(ctx context.Context) error {
		_, err := s.db.ExecContext(ctx,
			`INSERT INTO api_keys (workspace, `+keyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			string(workspace), key.ID, key.Name, scopelist.Encode(key.Scopes), key.SecretHash[:],
			key.CreatedAt, timeOrNull(key.ExpiresAt), timeOrNull(key.LastUsedAt), timeOrNull(key.RevokedAt))
		return err
	})
	if constraint(err) != "" {
		return domain.Errorf(domain.AlreadyExists, "key %s exists already", key.ID)
	}
	if err != nil {
		return fmt.Errorf("inserting a key: %w", err)
	}
	return nil
}

// Key returns a key by its ID. Fails with NotFound.
func (s *Store) Key(ctx context.Context, workspace domain.Workspace, id string) (domain.Key, error) {
	var key domain.Key
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		key, err = scanKey(s.db.QueryRowContext(ctx,
			`SELECT `+keyColumns+` FROM api_keys WHERE workspace = $1 AND id = $2`, string(workspace), id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Key{}, domain.Missing("key", id)
	}
	if err != nil {
		return domain.Key{}, fmt.Errorf("selecting a key: %w", err)
	}
	return key, nil
}

// Keys returns up to limit keys after a position, the newest first.
func (s *Store) Keys(ctx context.Context, workspace domain.Workspace, after *usecase.Position, limit int) ([]domain.Key, error) {
	query := `SELECT ` + keyColumns + ` FROM api_keys WHERE workspace = $1`
	args := []any{string(workspace), limit}
	if after != nil {
		query += ` AND (created_at, id) < ($3, $4)`
		args = append(args, after.CreatedAt, after.ID)
	}
	var keys []domain.Key
	err := s.do(ctx, workspace, func(ctx context.Context) (err error) {
		keys, err = collect(ctx, s.db, scanKey, query+` ORDER BY created_at DESC, id DESC LIMIT $2`, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("selecting keys: %w", err)
	}
	return keys, nil
}

// RevokeKey ends a key at a time, unless it was ended before. Fails with NotFound.
func (s *Store) RevokeKey(ctx context.Context, workspace domain.Workspace, id string, at time.Time) error {
	count, err := s.change(ctx, workspace,
		`UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $3) WHERE workspace = $1 AND id = $2`, string(workspace), id, at)
	if err != nil {
		return fmt.Errorf("updating a key: %w", err)
	}
	if count == 0 {
		return domain.Missing("key", id)
	}
	return nil
}

// UseKey notes when a key was used, where nothing later is noted.
func (s *Store) UseKey(ctx context.Context, workspace domain.Workspace, id string, at time.Time) error {
	_, err := s.change(ctx, workspace,
		`UPDATE api_keys SET last_used_at = $3 WHERE workspace = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at < $3)`,
		string(workspace), id, at)
	if err != nil {
		return fmt.Errorf("updating a key: %w", err)
	}
	return nil
}

func scanKey(row scanner) (domain.Key, error) {
	var key domain.Key
	var scopes string
	var hash []byte
	var expires, used, revoked sql.NullTime
	if err := row.Scan(&key.ID, &key.Name, &scopes, &hash, &key.CreatedAt, &expires, &used, &revoked); err != nil {
		return domain.Key{}, err
	}
	// A hash of another length is that of no secret.
	copy(key.SecretHash[:], hash)
	key.Scopes = scopelist.Decode(scopes)
	// The zero time stands for none.
	key.ExpiresAt, key.LastUsedAt, key.RevokedAt = expires.Time, used.Time, revoked.Time
	return key, nil
}

// timeOrNull is how a time is stored that may be zero.
func timeOrNull(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

// change runs one statement for a workspace and returns how many rows it changed.
func (s *Store) change(ctx context.Context, workspace domain.Workspace, statement string, args ...any) (count int64, err error) {
	err = s.do(ctx, workspace, func(ctx context.Context) error {
		result, err := s.db.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		count, err = result.RowsAffected()
		return err
	})
	return count, err
}
