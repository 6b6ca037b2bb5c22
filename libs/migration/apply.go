package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/history"
	"github.com/soketsugo/soketsugo/libs/migration/source"
)

const (
	// A migration that did not get a lock is tried again after a pause that doubles.
	firstRetry   = 500 * time.Millisecond
	longestRetry = 30 * time.Second
)

// read makes goose read the files, when it has not yet.
func (s *session) read(m *Migrator) error {
	if s.provider != nil {
		return nil
	}
	s.store = &store{pid: s.pid}
	provider, err := goose.NewProvider(goose.DialectCustom, s.db, m.files, goose.WithStore(s.store),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("%w: reading migrations: %w", ErrConfiguration, err)
	}
	s.provider = provider
	return nil
}

// apply applies a migration, or takes it back. When it does not get a lock
// within the timeout, which bounds how long others have to wait behind it, it
// lets them pass and tries again.
func (m *Migrator) apply(ctx context.Context, s *session, migration source.Migration, up bool, result *Result) error {
	if err := s.read(m); err != nil {
		return err
	}
	begin := time.Now()
	for pause := firstRetry; ; pause = min(2*pause, longestRetry) {
		err := m.attempt(ctx, s, migration, up)
		took := time.Since(begin)
		switch {
		case err == nil:
			result.Applied++
			said := "migration applied"
			if !up {
				said = "migration taken back"
			}
			m.log.Info(said, "version", migration.Version, "file", migration.Name, "seconds", took.Seconds())
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", migration.Name, err)
		case s.dialect == database.SQLite && m.overtaken(ctx, s, migration, up):
			// Another runner did it.
			return nil
		case !hasCode(err, lockNotAvailable, deadlockDetected) && !isBusy(err):
			return fmt.Errorf("%s: %w", migration.Name, err)
		case took+pause > m.config.LockWait:
			return fmt.Errorf("%s: %w: tried for %s (LOCK_WAIT is %s): %w", migration.Name, ErrLocked, took.Round(time.Second), m.config.LockWait, err)
		}
		pause := pause/2 + rand.N(pause/2)
		result.Retries++
		m.log.Warn("no lock within the timeout; letting others pass and trying again", "file", migration.Name,
			"pause", pause.Round(time.Millisecond).String(), "error", err.Error())
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// overtaken says whether the history has by now what a migration that failed
// was to do. SQLite has no lock that outlives a transaction; so one of two
// runners at once fails, all of its transaction is undone, and it goes on with
// what is left.
func (m *Migrator) overtaken(ctx context.Context, s *session, migration source.Migration, up bool) bool {
	entries, err := history.Read(ctx, s.db)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		if entry.Version == migration.Version {
			return up && entry.Checksum == migration.Checksum
		}
	}
	return !up
}

// attempt tries once.
func (m *Migrator) attempt(ctx context.Context, s *session, migration source.Migration, up bool) error {
	lockTimeout, statementTimeout := m.config.LockTimeout, m.config.StatementTimeout
	if migration.Concurrent() {
		// Nobody has to wait behind it.
		lockTimeout = 0
	}
	if migration.LockTimeout != nil {
		lockTimeout = *migration.LockTimeout
	}
	if migration.StatementTimeout != nil {
		statementTimeout = *migration.StatementTimeout
	}
	stop := m.watch(s, migration)
	defer stop()
	if err := s.limit(ctx, lockTimeout, statementTimeout); err != nil {
		return err
	}
	var indexes []source.Index
	if s.dialect == database.PostgreSQL {
		indexes = migration.ConcurrentIndexes(up)
	}
	for _, index := range indexes {
		if err := m.dropInvalidIndex(ctx, s, migration, index); err != nil {
			return err
		}
	}
	s.store.migration, s.store.applied, s.store.indexes = migration, !up, indexes
	_, err := s.provider.ApplyVersion(ctx, migration.Version, up)
	var partial *goose.PartialError
	if errors.As(err, &partial) {
		return partial.Err
	}
	return err
}

// dropInvalidIndex removes what a CREATE INDEX CONCURRENTLY left that was killed
// or failed: an index that costs every writer time and serves no reader.
func (m *Migrator) dropInvalidIndex(ctx context.Context, s *session, migration source.Migration, of source.Index) error {
	index, valid, err := findIndex(ctx, s.db, of)
	if err != nil || index == "" || valid {
		return err
	}
	m.log.Warn("dropping the invalid index that an earlier run left", "file", migration.Name, "index", index)
	if _, err := s.db.ExecContext(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+index); err != nil {
		return fmt.Errorf("dropping the invalid index %s: %w", index, err)
	}
	return nil
}

// findIndex returns an index as SQL names it; empty where there is none.
func findIndex(ctx context.Context, db history.Runner, of source.Index) (index string, valid bool, err error) {
	// The index is in its table's schema. The server cuts off what is too long for a
	// name, as it does when it makes the index.
	const query = `SELECT format('%I.%I', n.nspname, c.relname), i.indisvalid FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE i.indrelid = to_regclass($1) AND c.relname = $2::name`
	err = db.QueryRowContext(ctx, query, of.Table, unquoted(of.Name)).Scan(&index, &valid)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", false, fmt.Errorf("looking for the index %s: %w", of.Name, err)
	}
	return index, valid, nil
}

// unquoted is an identifier as the catalogue has it.
func unquoted(identifier string) string {
	if inner, ok := strings.CutPrefix(identifier, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	// As PostgreSQL does in UTF-8, which leaves other letters than those of ASCII.
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, identifier)
}

// store is what goose asks and tells about the history. It knows what goose asks
// for already, so only changes reach the database, in the transaction of the
// migration itself.
type store struct {
	// pid is that of the server's process that holds the lock; 0 for SQLite.
	pid int64
	// migration is the one at hand.
	migration source.Migration
	// applied is whether it is applied.
	applied bool
	// indexes are those that it makes with CREATE INDEX CONCURRENTLY.
	indexes []source.Index
}

var _ goosedb.StoreExtender = (*store)(nil)

// Tablename returns the history's table.
func (*store) Tablename() string { return history.Table }

// TableExists returns true: the table is made before goose is asked anything.
func (*store) TableExists(context.Context, goosedb.DBTxConn) (bool, error) { return true, nil }

// CreateVersionTable is never called, because the table exists.
func (*store) CreateVersionTable(context.Context, goosedb.DBTxConn) error {
	return goosedb.ErrNotImplemented
}

// Insert notes that a migration was applied.
func (s *store) Insert(ctx context.Context, db goosedb.DBTxConn, request goosedb.InsertRequest) error {
	if request.Version != s.migration.Version {
		return goosedb.ErrVersionNotFound
	}
	if err := s.madeIndexes(ctx, db); err != nil {
		return err
	}
	if s.pid == 0 {
		return history.Insert(ctx, db, s.migration)
	}
	err := history.InsertBy(ctx, db, s.migration, s.pid)
	if errors.Is(err, history.ErrOtherProcess) {
		return fmt.Errorf("%w: %w: %w", ErrConfiguration, errPooler, err)
	}
	return err
}

// madeIndexes returns an error unless the indexes are there and of use: IF NOT EXISTS
// is content with one that is neither.
func (s *store) madeIndexes(ctx context.Context, db history.Runner) error {
	for _, of := range s.indexes {
		index, valid, err := findIndex(ctx, db, of)
		switch {
		case err != nil:
			return err
		case index == "":
			return fmt.Errorf("the index %s is not on the table %s; see whether another table has one of that name", of.Name, of.Table)
		case !valid:
			return fmt.Errorf("the index %s is invalid; run again", index)
		}
	}
	return nil
}

// Delete notes that a migration was taken back.
func (s *store) Delete(ctx context.Context, db goosedb.DBTxConn, version int64) error {
	if err := s.madeIndexes(ctx, db); err != nil {
		return err
	}
	return history.Delete(ctx, db, version)
}

// GetMigration says whether the migration at hand is applied.
func (s *store) GetMigration(context.Context, goosedb.DBTxConn, int64) (*goosedb.GetMigrationResult, error) {
	if !s.applied {
		return nil, goosedb.ErrVersionNotFound
	}
	return &goosedb.GetMigrationResult{IsApplied: true}, nil
}

// GetLatestVersion is never called: goose is told which migration to apply.
func (*store) GetLatestVersion(context.Context, goosedb.DBTxConn) (int64, error) {
	return 0, goosedb.ErrNotImplemented
}

// ListMigrations is never called, for the same reason.
func (*store) ListMigrations(context.Context, goosedb.DBTxConn) ([]*goosedb.ListMigrationsResult, error) {
	return nil, goosedb.ErrNotImplemented
}
