// Package databasetest prepares a PostgreSQL database for tests of what stores
// playbooks there: the schema, and roles for which row-level security holds.
package databasetest

import (
	"context"
	"io/fs"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/postgres"
)

// The roles that tests connect as, neither of which is a superuser or has BYPASSRLS.
const (
	// Server may use the tables, as servers do.
	Server = "playbook_server"
	// Owner may own tables.
	Owner = "playbook_owner"
)

// Prepare makes the schema and the roles. It is what postgrestest.Cluster calls.
func Prepare(ctx context.Context, databaseURL string) error {
	db, err := database.Open(databaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	migrator, err := migration.New(db, map[database.Dialect]fs.FS{database.PostgreSQL: migrations.Files},
		migration.Config{DatabaseWait: time.Minute, LockWait: time.Minute}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if _, err = migrator.Up(ctx, migration.Newest); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `
		CREATE ROLE `+Server+` LOGIN;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO `+Server+`;
		CREATE ROLE `+Owner+` LOGIN;
		GRANT CREATE ON SCHEMA public TO `+Owner)
	return err
}

// As returns the URL of a database for one of the roles.
func As(t *testing.T, databaseURL, role string) string {
	t.Helper()
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := parsed.Query()
	query.Set("user", role)
	parsed.RawQuery = query.Encode()
	return parsed.String()
}
