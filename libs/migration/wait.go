package migration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/soketsugo/soketsugo/libs/migration/database"
)

const (
	firstPause = 100 * time.Millisecond
	longPause  = 2 * time.Second
)

// connect returns a session as soon as the database answers. It does not wait
// when the server answers that it will never let us in. The session has the lock
// where it is wanted and free.
func (m *Migrator) connect(ctx context.Context, wantsLock bool) (*session, error) {
	limit := m.config.DatabaseWait
	begin := time.Now()
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		s := &session{db: m.db.Session(), dialect: m.db.Dialect}
		err := s.greet(waiting, wantsLock)
		if err == nil {
			err = m.refusePooler(waiting, s)
		}
		if err == nil {
			return s, nil
		}
		s.close()
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("waiting for the database: %w", ctx.Err())
		case errors.Is(err, ErrConfiguration):
			return nil, err
		case waiting.Err() == nil && isFinal(m.db.Dialect, err):
			return nil, fmt.Errorf("%w: %w", ErrConfiguration, err)
		case waiting.Err() == nil:
			m.log.Info("waiting for the database", "waited", time.Since(begin).Round(time.Millisecond).String(), "limit", limit.String(), "error", err.Error())
		}
		select {
		case <-time.After(pause):
		case <-waiting.Done():
			if ctx.Err() != nil {
				return nil, fmt.Errorf("waiting for the database: %w", ctx.Err())
			}
			return nil, fmt.Errorf("%w: waited %s: %w", ErrUnreachable, limit, err)
		}
	}
}

// isFinal says whether we were refused for a reason that time does not mend: a
// wrong password or role (class 28), a database that does not exist, a setting
// that may not be made (class 42), and anything about an SQLite file, which has no
// server to wait for, but that another process is using it.
func isFinal(dialect database.Dialect, err error) bool {
	if dialect == database.SQLite {
		return !isBusy(err)
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || len(refused.Code) != 5 {
		return false
	}
	return refused.Code[:2] == "28" || refused.Code[:2] == "42" || refused.Code == "3D000"
}

// isBusy says whether another process is using an SQLite file.
func isBusy(err error) bool {
	// An interface, because production binaries do not link SQLite.
	const busy = 5
	var coded interface{ Code() int }
	return errors.As(err, &coded) && coded.Code()&0xff == busy
}
