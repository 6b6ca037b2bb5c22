package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/scopelist"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	codes "modernc.org/sqlite/lib"
)

// keyColumns is in the order that scanKey reads.
const keyColumns = `id, name, scopes, secret_hash, created_at, expires_at, last_used_at, revoked_at`

// CreateKey stores a new key. Fails with AlreadyExists when its ID is taken.
func (s *Store) CreateKey(ctx context.Context, workspace domain.Workspace, key domain.Key) error {
	_, err := s.change(ctx,
		`INSERT INTO api_keys (workspace, `+keyColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		string(workspace), key.ID, key.Name, scopelist.Encode(key.Scopes), key.SecretHash[:],
		micros(key.CreatedAt), microsOrNull(key.ExpiresAt), microsOrNull(key.LastUsedAt), microsOrNull(key.RevokedAt))
	if violates(err, codes.SQLITE_CONSTRAINT_PRIMARYKEY) {
		return domain.Errorf(domain.AlreadyExists, "key %s exists already", key.ID)
	}
	if err != nil {
		return fmt.Errorf("inserting a key: %w", err)
	}
	return nil
}

// Key returns a key by its ID. Fails with NotFound.
func (s *Store) Key(ctx context.Context, workspace domain.Workspace, id string) (domain.Key, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	key, err := scanKey(s.db.QueryRowContext(limited, `SELECT `+keyColumns+` FROM api_keys WHERE workspace = ? AND id = ?`, string(workspace), id))
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Key{}, domain.Missing("key", id)
	}
	if err != nil {
		return domain.Key{}, fmt.Errorf("selecting a key: %w", translate(ctx, err))
	}
	return key, nil
}

// Keys returns up to limit keys after a position, the newest first.
func (s *Store) Keys(ctx context.Context, workspace domain.Workspace, after *usecase.Position, limit int) ([]domain.Key, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	query := `SELECT ` + keyColumns + ` FROM api_keys WHERE workspace = ?`
	args := []any{string(workspace)}
	if after != nil {
		query += ` AND (created_at, id) < (?, ?)`
		args = append(args, micros(after.CreatedAt), after.ID)
	}
	keys, err := collect(limited, s.db, scanKey, query+` ORDER BY created_at DESC, id DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("selecting keys: %w", translate(ctx, err))
	}
	return keys, nil
}

// RevokeKey ends a key at a time, unless it was ended before. Fails with NotFound.
func (s *Store) RevokeKey(ctx context.Context, workspace domain.Workspace, id string, at time.Time) error {
	count, err := s.change(ctx,
		`UPDATE api_keys SET revoked_at = COALESCE(revoked_at, ?) WHERE workspace = ? AND id = ?`, micros(at), string(workspace), id)
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
	_, err := s.change(ctx,
		`UPDATE api_keys SET last_used_at = ?1 WHERE workspace = ?2 AND id = ?3 AND (last_used_at IS NULL OR last_used_at < ?1)`,
		micros(at), string(workspace), id)
	if err != nil {
		return fmt.Errorf("updating a key: %w", err)
	}
	return nil
}

func scanKey(row scanner) (domain.Key, error) {
	var key domain.Key
	var scopes string
	var hash []byte
	var created int64
	var expires, used, revoked sql.NullInt64
	if err := row.Scan(&key.ID, &key.Name, &scopes, &hash, &created, &expires, &used, &revoked); err != nil {
		return domain.Key{}, err
	}
	// A hash of another length is that of no secret.
	copy(key.SecretHash[:], hash)
	key.Scopes = scopelist.Decode(scopes)
	key.CreatedAt = instant(created)
	key.ExpiresAt, key.LastUsedAt, key.RevokedAt = instantOrZero(expires), instantOrZero(used), instantOrZero(revoked)
	return key, nil
}

// microsOrNull is how a time is stored that may be zero.
func microsOrNull(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

func instantOrZero(micros sql.NullInt64) time.Time {
	if !micros.Valid {
		return time.Time{}
	}
	return instant(micros.Int64)
}

// change runs one statement and returns how many rows it changed.
func (s *Store) change(ctx context.Context, statement string, args ...any) (int64, error) {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	result, err := s.db.ExecContext(limited, statement, args...)
	if err != nil {
		return 0, translate(ctx, err)
	}
	return result.RowsAffected()
}
