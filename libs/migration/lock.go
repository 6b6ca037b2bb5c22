package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// LockID names the advisory lock; operators find its holder in pg_locks. Any
// number will do, as long as it never changes and nothing else in the database
// uses it; this one spells "soketsug".
const LockID int64 = 0x736f6b6574737567

// lockNotAvailable is the error code of PostgreSQL for a lock_timeout.
const lockNotAvailable = "55P03"

// sessionLock is a goose lock.SessionLocker: one runner at a time. The server
// queues the others and wakes them, where goose's own locker polls every few
// seconds, and it lets go when the session ends, however the process died.
type sessionLock struct {
	wait time.Duration
}

// SessionLock waits for the lock. Fails with ErrLocked.
func (l sessionLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	// 0 would mean no limit.
	limit := max(l.wait.Milliseconds(), 1)
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("SET lock_timeout = %d", limit)); err != nil {
		return fmt.Errorf("setting the lock timeout: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", LockID); err != nil {
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == lockNotAvailable {
			return fmt.Errorf("%w (waited %s)", ErrLocked, l.wait)
		}
		return fmt.Errorf("waiting for the migration lock: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "RESET lock_timeout"); err != nil {
		return fmt.Errorf("resetting the lock timeout: %w", err)
	}
	return nil
}

// SessionUnlock gives the lock back.
func (l sessionLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", LockID); err != nil {
		return fmt.Errorf("giving the migration lock back: %w", err)
	}
	return nil
}
