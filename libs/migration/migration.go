// Package migration brings a database to the newest schema that a binary
// carries. Every service's migrate process is a few lines around it.
package migration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/soketsugo/soketsugo/libs/migration/database"
)

// Config is what can be set about a run.
type Config struct {
	DatabaseWait time.Duration `config:"DATABASE_WAIT" default:"60s" doc:"how long to wait for the database to answer"`
	LockWait     time.Duration `config:"LOCK_WAIT" default:"5m" doc:"how long to wait for another migration to finish"`
}

// Result says what a run did.
type Result struct {
	// Applied is the number of migrations that this run applied.
	Applied int
	// Version is the database's schema version afterwards.
	Version int64
}

// Up waits for the database, takes the lock, and applies the migrations in
// files that the database does not have. Migrations are files named
// NNNN_name.sql in goose's format, one set per dialect.
//
// Fails with ErrConfiguration, ErrUnreachable, ErrLocked, the context's error,
// or the error of a migration; ExitCode tells them apart.
func Up(ctx context.Context, db *database.Database, files map[database.Dialect]fs.FS, config Config, log *slog.Logger) (Result, error) {
	provider, err := newProvider(db, files, config)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrConfiguration, err)
	}
	if err := waitFor(ctx, db, config.DatabaseWait, log); err != nil {
		return Result{}, err
	}
	applied, partial, err := apply(ctx, provider, db.Dialect)
	for _, migration := range applied {
		log.Info("migration applied", "version", migration.Source.Version,
			"file", path.Base(migration.Source.Path), "seconds", migration.Duration.Seconds())
	}
	if err != nil {
		// A statement that was cancelled on the server fails with the server's
		// error; what ended it was our context.
		if cause := ctx.Err(); cause != nil {
			return Result{Applied: len(applied)}, fmt.Errorf("interrupted: %w", cause)
		}
		if partial != nil {
			return Result{Applied: len(applied)}, fmt.Errorf("applying %s: %w", path.Base(partial.Failed.Source.Path), partial.Err)
		}
		return Result{}, fmt.Errorf("applying migrations: %w", err)
	}
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return Result{Applied: len(applied)}, fmt.Errorf("reading the schema version: %w", err)
	}
	return Result{Applied: len(applied), Version: version}, nil
}

// apply applies what is missing and returns what was applied, also when it
// fails. SQLite has no lock that runners could queue for: one that was overtaken
// fails, tries again and finds its work done, or fails at the same place.
func apply(ctx context.Context, provider *goose.Provider, dialect database.Dialect) ([]*goose.MigrationResult, *goose.PartialError, error) {
	var all []*goose.MigrationResult
	for stuckAt := int64(-1); ; {
		applied, err := provider.Up(ctx)
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			applied = partial.Applied
		}
		all = append(all, applied...)
		if err == nil || dialect != database.SQLite {
			return all, partial, err
		}
		version, versionErr := provider.GetDBVersion(ctx)
		if versionErr != nil || version == stuckAt {
			return all, partial, err
		}
		stuckAt = version
	}
}

func newProvider(db *database.Database, files map[database.Dialect]fs.FS, config Config) (*goose.Provider, error) {
	fsys, ok := files[db.Dialect]
	if !ok {
		return nil, fmt.Errorf("there are no migrations for %s", db.Dialect)
	}
	options := []goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()),
	}
	dialect := goose.DialectSQLite3
	if db.Dialect == database.PostgreSQL {
		dialect = goose.DialectPostgres
		options = append(options, goose.WithSessionLocker(sessionLock{wait: config.LockWait}))
	}
	provider, err := goose.NewProvider(dialect, db.DB, fsys, options...)
	if err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	return provider, nil
}
