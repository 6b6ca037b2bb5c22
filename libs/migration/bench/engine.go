package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/golang-migrate/migrate/v4"
	_ "github.com/golang-migrate/migrate/v4/database/pgx/v5" // registers pgx5://
	"github.com/golang-migrate/migrate/v4/source/iofs"
	_ "github.com/jackc/pgx/v5/stdlib" // registers pgx
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/migration/database"
)

// engine is a way to migrate.
type engine struct {
	name string
	// up reads the files, connects, applies what the database lacks and
	// disconnects: all that a process does from its start to its end.
	up func(ctx context.Context, databaseURL string, files *files) error
}

// engines returns ours first.
func engines() []engine {
	return []engine{
		{"soketsugo", own},
		{"goose", withGoose},
		{"golang-migrate", withMigrate},
	}
}

func own(ctx context.Context, databaseURL string, files *files) (err error) {
	db, err := database.Open(databaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// The defaults of a migrate process.
	config := migration.Config{DatabaseWait: time.Minute, LockWait: 5 * time.Minute, LockTimeout: 2 * time.Second}
	migrator, err := migration.New(db, map[database.Dialect]fs.FS{database.PostgreSQL: files.annotated}, config, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	_, err = migrator.Up(ctx, migration.Newest)
	return err
}

func withGoose(ctx context.Context, databaseURL string, files *files) (err error) {
	db, err := sql.Open("pgx", databaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files.annotated, goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func withMigrate(_ context.Context, databaseURL string, files *files) (err error) {
	source, err := iofs.New(files.split, ".")
	if err != nil {
		return err
	}
	_, address, ok := strings.Cut(databaseURL, "://")
	if !ok {
		return fmt.Errorf("%q is not a URL", databaseURL)
	}
	m, err := migrate.NewWithSourceInstance("iofs", source, "pgx5://"+address)
	if err != nil {
		return err
	}
	defer func() {
		errSource, errDatabase := m.Close()
		err = errors.Join(err, errSource, errDatabase)
	}()
	if err = m.Up(); errors.Is(err, migrate.ErrNoChange) {
		err = nil
	}
	return err
}
