package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/history"
	"github.com/soketsugo/soketsugo/libs/migration/source"
)

// LockID names the advisory lock; operators find its holder in pg_locks. Any
// number will do, as long as it never changes and nothing else in the database
// uses it; this one spells "soketsug".
const LockID int64 = 0x736f6b6574737567

const (
	// checkInterval is how soon the server notices, in the middle of a statement,
	// that a runner died, and gives its locks back.
	checkInterval = 500 * time.Millisecond
	// poll is how often who waits for another runner looks again by himself: one
	// that died tells nobody. He could sleep in pg_advisory_lock instead; but that is
	// a query with a snapshot, and a CREATE INDEX CONCURRENTLY of the runner at work
	// would wait for it in turn.
	poll = 250 * time.Millisecond
	// channel is where a runner tells that it is done.
	channel = "soketsugo_migrations"
	// patience is how long it waits without a word: to ask who it waits for takes
	// the server longer than most runners need.
	patience = 250 * time.Millisecond
	// mostLosses is how often a run begins anew because its connection broke.
	mostLosses = 5
	// firstPauseAfterLoss gives a server that restarts a moment. It doubles.
	firstPauseAfterLoss = 200 * time.Millisecond
	// pauseReadOnly is how soon it begins anew because the database can only be read.
	pauseReadOnly = 500 * time.Millisecond
)

// Codes of PostgreSQL's errors.
const (
	lockNotAvailable      = "55P03"
	deadlockDetected      = "40P01"
	insufficientPrivilege = "42501"
	readOnlyTransaction   = "25006"
)

// hasCode says whether an error is one of PostgreSQL's with one of those codes.
func hasCode(err error, codes ...string) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	for _, code := range codes {
		if refused.Code == code {
			return true
		}
	}
	return false
}

// session is the one connection of a run. It holds the lock, and everything is
// done on it: were they two, a runner whose lock is gone could go on working.
type session struct {
	db      *sql.DB
	dialect database.Dialect
	// pid is that of the server's process; 0 for SQLite.
	pid int64
	// locked says that the lock is ours.
	locked bool
	// limited says that lockTimeout and statementTimeout are what the session has
	// now; before that it has those of the database or the role.
	limited                       bool
	lockTimeout, statementTimeout time.Duration
	// history is set once the database is known to have one; it never goes away.
	history bool
	// provider is made when there is something to apply.
	provider *goose.Provider
	store    *store
}

// greet opens the connection, and makes the server look after the session. Whoever
// wants the lock asks for it in the same breath, and does so again when others have
// it.
func (s *session) greet(ctx context.Context, wantsLock bool) error {
	if s.dialect != database.PostgreSQL {
		return s.db.PingContext(ctx)
	}
	promised, err := database.BackendPID(ctx, s.db)
	if err != nil {
		return err
	}
	// The second set_config runs only where the server has the setting, which came
	// with PostgreSQL 14. pg_settings would tell too, and take longer than all else.
	// A server that does not wait until a commit is on disk could forget, in a crash,
	// what a run has reported as done. A lock must not be taken behind a pooler, whose
	// server process is not the one that it promised; PgBouncer promises one of 32 bits.
	const query = `SELECT pg_backend_pid(), to_regclass('` + history.Table + `') IS NOT NULL,
		CASE WHEN $1 AND pg_backend_pid() = $2::int8 THEN pg_try_advisory_lock($3) ELSE false END,
		set_config('application_name', 'migrate', false),
		CASE WHEN current_setting('client_connection_check_interval', true) IS NOT NULL
			THEN set_config('client_connection_check_interval', $4, false) END,
		CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END`
	var name string
	var interval, commit sql.NullString
	row := s.db.QueryRowContext(ctx, query, wantsLock, promised, LockID, fmt.Sprintf("%dms", checkInterval.Milliseconds()))
	return row.Scan(&s.pid, &s.history, &s.locked, &name, &interval, &commit)
}

// close ends the session, and with it the lock.
func (s *session) close() { _ = s.db.Close() }

// lost says whether the connection is gone.
func (s *session) lost() bool {
	conn, err := s.db.Conn(context.Background())
	if err == nil {
		_ = conn.Close()
	}
	return err != nil
}

// hasHistory says whether the database has a history yet.
func (s *session) hasHistory(ctx context.Context) (bool, error) {
	if s.history {
		return true, nil
	}
	exists, err := history.Exists(ctx, s.db, s.dialect)
	s.history = exists
	return exists, err
}

// compare reads the history. Where there is none yet it reads goose's, which Up would
// take over.
func (s *session) compare(ctx context.Context, migrations []source.Migration) ([]history.Line, error) {
	exists, err := s.hasHistory(ctx)
	if err != nil {
		return nil, err
	}
	var entries []history.Entry
	if exists {
		entries, err = history.Read(ctx, s.db)
	} else {
		entries, err = history.ReadGoose(ctx, s.db, s.dialect, migrations)
	}
	if err != nil {
		return nil, err
	}
	return history.Compare(entries, migrations), nil
}

// locked does work while no other runner does, on a session that holds the lock
// and has a history. When the connection breaks it begins anew, because what was
// committed is in the history; and when the database can only be read, as a standby
// can until it takes over. Who waits for the lock stops waiting when the history says
// that nothing is left to do; done may be nil.
func (m *Migrator) locked(ctx context.Context, done func([]history.Line) bool, work func(context.Context, *session) error) error {
	var losses int
	var readOnlySince time.Time
	for {
		s, err := m.connect(ctx, true)
		if err != nil {
			return err
		}
		var needed bool
		needed, err = m.lock(ctx, s, done)
		if err == nil && needed {
			err = m.open(ctx, s)
		}
		if err == nil && needed {
			err = work(ctx, s)
		}
		lost := err != nil && ctx.Err() == nil && s.lost()
		s.close()
		var pause time.Duration
		switch {
		case ctx.Err() == nil && hasCode(err, readOnlyTransaction):
			if readOnlySince.IsZero() {
				readOnlySince = time.Now()
			}
			left := m.config.DatabaseWait - time.Since(readOnlySince)
			if left <= 0 {
				return fmt.Errorf("%w: for %s it could only be read: %w", ErrUnreachable, m.config.DatabaseWait, err)
			}
			m.log.Info("waiting for a database that can be written to", "limit", m.config.DatabaseWait.String(), "error", err.Error())
			pause = min(pauseReadOnly, left)
		case !lost:
			return interrupted(ctx, err)
		case losses == mostLosses:
			return fmt.Errorf("%w: the connection broke %d times: %w", ErrUnreachable, losses+1, err)
		default:
			m.log.Warn("the connection broke; beginning anew", "error", err.Error())
			pause = firstPauseAfterLoss << losses
			losses++
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// open creates the history where there is none.
func (m *Migrator) open(ctx context.Context, s *session) error {
	exists, err := s.hasHistory(ctx)
	if err == nil && !exists {
		err = m.create(ctx, s)
	}
	if hasCode(err, insufficientPrivilege) {
		return fmt.Errorf("%w: %w: grant the user CREATE on the schema", ErrConfiguration, err)
	}
	return err
}

// create makes the history, with what goose's holds where there is one.
func (m *Migrator) create(ctx context.Context, s *session) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("creating the history: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := history.Create(ctx, tx, s.dialect); err != nil {
		return err
	}
	adopted, err := history.Adopt(ctx, tx, s.dialect, m.migrations)
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("creating the history: %w", err)
	}
	s.history = true
	if adopted > 0 {
		m.log.Info("took over the history that goose kept", "migrations", adopted)
	}
	return nil
}

// lock waits until no other runner is at work, and returns true, or until that one
// has left nothing to do. SQLite has no lock that outlives a transaction; see
// apply.
func (m *Migrator) lock(ctx context.Context, s *session, done func([]history.Line) bool) (needed bool, err error) {
	if s.dialect != database.PostgreSQL || s.locked {
		return true, nil
	}
	begin := time.Now()
	// Whoever is told that a runner is done looks at once; what happens before this
	// is not told, so the first look is after it.
	if _, err := s.db.ExecContext(ctx, "LISTEN "+channel); err != nil {
		return false, fmt.Errorf("waiting for another runner: %w", err)
	}
	for named := patience; ; {
		const query = `SELECT pg_try_advisory_lock($1), to_regclass('` + history.Table + `') IS NOT NULL`
		if err := s.db.QueryRowContext(ctx, query, LockID).Scan(&s.locked, &s.history); err != nil {
			return false, fmt.Errorf("taking the migration lock: %w", err)
		}
		if s.locked {
			return true, nil
		}
		if done != nil && s.history {
			if lines, err := s.compare(ctx, m.migrations); err != nil || done(lines) {
				return false, err
			}
		}
		waited := time.Since(begin)
		if waited >= m.config.LockWait {
			return false, fmt.Errorf("%w: waited %s (LOCK_WAIT) for another runner: %s", ErrLocked, m.config.LockWait, m.holder(ctx, s))
		}
		if waited >= named {
			// Soon, and then every beat.
			m.log.Info("waiting for another runner", "waited", waited.Round(time.Millisecond).String(),
				"limit", m.config.LockWait.String(), "holder", m.holder(ctx, s))
			named = waited + beat
		}
		if err := database.Wait(ctx, s.db, min(poll, m.config.LockWait-waited)); err != nil {
			return false, fmt.Errorf("waiting for another runner: %w", err)
		}
	}
}

// unlock gives the lock back and tells those who wait for it. The end of the
// session would do the one, and not the other.
func (s *session) unlock(ctx context.Context) error {
	if s.dialect != database.PostgreSQL {
		return nil
	}
	s.locked = false
	if _, err := s.db.ExecContext(ctx, fmt.Sprintf("SELECT pg_advisory_unlock(%d); NOTIFY %s", LockID, channel)); err != nil {
		return fmt.Errorf("giving the migration lock back: %w", err)
	}
	return nil
}

// limit sets the timeouts of what comes next on the session.
func (s *session) limit(ctx context.Context, lockTimeout, statementTimeout time.Duration) error {
	if s.dialect != database.PostgreSQL || s.limited && s.lockTimeout == lockTimeout && s.statementTimeout == statementTimeout {
		return nil
	}
	_, err := s.db.ExecContext(ctx, fmt.Sprintf("SET lock_timeout = %d; SET statement_timeout = %d",
		milliseconds(lockTimeout), milliseconds(statementTimeout)))
	if err != nil {
		return fmt.Errorf("setting timeouts: %w", err)
	}
	s.limited, s.lockTimeout, s.statementTimeout = true, lockTimeout, statementTimeout
	return nil
}

// milliseconds keeps a short time from becoming 0, which is no limit.
func milliseconds(limit time.Duration) int64 {
	if limit == 0 {
		return 0
	}
	return max(limit.Milliseconds(), 1)
}

// sleep returns the context's error if that ends first.
func sleep(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
}
