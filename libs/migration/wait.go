package migration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/soketsugo/soketsugo/libs/migration/database"
)

const (
	firstPause = 100 * time.Millisecond
	longPause  = 2 * time.Second
)

// waitFor returns nil as soon as the database answers. It does not wait when
// the server answers that it will never let us in.
func waitFor(ctx context.Context, db *database.Database, limit time.Duration, log *slog.Logger) error {
	begin := time.Now()
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		err := db.PingContext(waiting)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("waiting for the database: %w", ctx.Err())
		case waiting.Err() == nil && isFinal(db.Dialect, err):
			return fmt.Errorf("%w: %w", ErrConfiguration, err)
		case waiting.Err() == nil:
			log.Info("waiting for the database", "waited", time.Since(begin).String(), "limit", limit.String(), "error", err.Error())
		}
		select {
		case <-time.After(pause):
		case <-waiting.Done():
			if ctx.Err() != nil {
				return fmt.Errorf("waiting for the database: %w", ctx.Err())
			}
			return fmt.Errorf("%w: waited %s: %w", ErrUnreachable, limit, err)
		}
	}
}

// isFinal says whether we were refused for a reason that time does not mend: a
// wrong password or role (class 28), a database that does not exist, and
// anything about an SQLite file, which has no server to wait for, but that
// another process is using it.
func isFinal(dialect database.Dialect, err error) bool {
	if dialect == database.SQLite {
		// An interface, because production binaries do not link SQLite.
		const busy = 5
		var coded interface{ Code() int }
		return !errors.As(err, &coded) || coded.Code()&0xff != busy
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || len(refused.Code) != 5 {
		return false
	}
	return refused.Code[:2] == "28" || refused.Code == "3D000"
}
