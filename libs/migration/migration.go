// Package migration brings a database to the schema that a binary carries. It
// can be run at any time, by many at once, and be killed at any point. Every
// service's migrate process is a few lines around it.
package migration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"time"

	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/history"
	"github.com/soketsugo/soketsugo/libs/migration/source"
)

// Config is what can be set about a run.
type Config struct {
	DatabaseWait     time.Duration `config:"DATABASE_WAIT" default:"60s" doc:"how long to wait for the database to answer"`
	LockWait         time.Duration `config:"LOCK_WAIT" default:"5m" doc:"how long to wait for another runner, and for locks on tables in all attempts together"`
	LockTimeout      time.Duration `config:"LOCK_TIMEOUT" default:"2s" doc:"how long one attempt may wait for a lock on a table, and make others wait behind it; 0 is no limit"`
	StatementTimeout time.Duration `config:"STATEMENT_TIMEOUT" default:"0s" doc:"how long one statement may take; 0 is no limit"`
}

// Newest is the target of a run that applies everything.
const Newest int64 = math.MaxInt64

// Result says what a run did.
type Result struct {
	// Applied is the number of migrations that this run applied, or took back.
	Applied int
	// Version is the database's schema version afterwards.
	Version int64
	// Retries is how often a migration was tried again because of a lock.
	Retries int
}

// Migrator applies one service's migrations to one database.
type Migrator struct {
	db         *database.Database
	files      fs.FS
	migrations []source.Migration
	config     Config
	log        *slog.Logger
}

// New returns a migrator for the files of the database's dialect. It does not
// connect. Fails with ErrConfiguration.
func New(db *database.Database, files map[database.Dialect]fs.FS, config Config, log *slog.Logger) (*Migrator, error) {
	own, ok := files[db.Dialect]
	if !ok {
		return nil, fmt.Errorf("%w: there are no migrations for %s", ErrConfiguration, db.Dialect)
	}
	migrations, err := source.Read(own)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfiguration, err)
	}
	return &Migrator{db: db, files: own, migrations: migrations, config: config, log: log}, nil
}

// Version is the schema version that the binary brings.
func (m *Migrator) Version() int64 { return m.migrations[len(m.migrations)-1].Version }

// Up applies the migrations that the database does not have, up to version to.
// Another runner at work is waited for.
//
// Fails with ErrConfiguration, ErrUnreachable, ErrLocked, history.ErrMismatch,
// the context's error, or the error of a migration; ExitCode tells them apart.
func (m *Migrator) Up(ctx context.Context, to int64) (Result, error) {
	if err := m.knows(to); to != Newest && err != nil {
		return Result{}, err
	}
	var result Result
	done := func(lines []history.Line) bool {
		if history.Check(lines) != nil || len(m.pending(lines, to)) > 0 {
			return false
		}
		result.Version = version(lines)
		return true
	}
	err := m.locked(ctx, done, func(ctx context.Context, s *session) error {
		return m.up(ctx, s, to, &result)
	})
	return result, err
}

// knows returns an error unless the binary has that version.
func (m *Migrator) knows(version int64) error {
	for _, migration := range m.migrations {
		if migration.Version == version {
			return nil
		}
	}
	return fmt.Errorf("%w: there is no migration %d; the newest is %d", ErrConfiguration, version, m.Version())
}

func (m *Migrator) up(ctx context.Context, s *session, to int64, result *Result) error {
	lines, err := s.compare(ctx, m.migrations)
	if err != nil {
		return err
	}
	if err := history.Check(lines); err != nil {
		return err
	}
	result.Version = version(lines)
	pending := m.pending(lines, to)
	for _, migration := range pending {
		if err := m.apply(ctx, s, migration, true, result); err != nil {
			return err
		}
		result.Version = migration.Version
	}
	if len(pending) == 0 {
		return nil
	}
	return s.unlock(ctx)
}

// pending returns what the database lacks, up to version to. The lines must have
// passed history.Check, so that they are the binary's migrations.
func (m *Migrator) pending(lines []history.Line, to int64) []source.Migration {
	var pending []source.Migration
	for i, line := range lines {
		if line.State == history.Pending && line.Version <= to {
			pending = append(pending, m.migrations[i])
		}
	}
	return pending
}

// version is the newest that the database has.
func version(lines []history.Line) int64 {
	newest := int64(0)
	for _, line := range lines {
		if line.AppliedAt != nil {
			newest = line.Version
		}
	}
	return newest
}

// Down takes migrations back, the newest first, until the database is at
// version to.
func (m *Migrator) Down(ctx context.Context, to int64) (Result, error) {
	if err := m.knows(to); to != 0 && err != nil {
		return Result{}, err
	}
	var result Result
	err := m.locked(ctx, nil, func(ctx context.Context, s *session) error {
		lines, err := s.compare(ctx, m.migrations)
		if err != nil {
			return err
		}
		if err := history.Check(lines); err != nil {
			return err
		}
		result.Version = version(lines)
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i].State != history.Applied || lines[i].Version <= to {
				continue
			}
			if err := m.apply(ctx, s, m.migrations[i], false, &result); err != nil {
				return err
			}
			result.Version = 0
			if i > 0 {
				result.Version = lines[i-1].Version
			}
		}
		return nil
	})
	return result, err
}

// Status lists what the database has and what the binary has. It waits for the
// database, not for other runners, and changes nothing.
func (m *Migrator) Status(ctx context.Context) ([]history.Line, error) {
	s, err := m.connect(ctx, false)
	if err != nil {
		return nil, err
	}
	defer s.close()
	lines, err := s.compare(ctx, m.migrations)
	return lines, interrupted(ctx, err)
}

// Plan returns the migrations that Up would apply, and fails as Up would.
func (m *Migrator) Plan(ctx context.Context, to int64) ([]source.Migration, error) {
	if err := m.knows(to); to != Newest && err != nil {
		return nil, err
	}
	lines, err := m.Status(ctx)
	if err != nil {
		return nil, err
	}
	if err := history.Check(lines); err != nil {
		return nil, err
	}
	return m.pending(lines, to), nil
}

// Verify returns nil when the database has exactly what the binary has. Fails
// with ErrBehind, and as Up does.
func (m *Migrator) Verify(ctx context.Context) error {
	pending, err := m.Plan(ctx, Newest)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		return fmt.Errorf("%w: %d of them, the first is %s; run up", ErrBehind, len(pending), pending[0].Name)
	}
	return nil
}

// interrupted returns the context's error where there is one: a statement that
// was cancelled on the server fails with the server's error, and what ended it
// was our context.
func interrupted(ctx context.Context, err error) error {
	if cause := ctx.Err(); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("interrupted: %w (%w)", cause, err)
	}
	return err
}
