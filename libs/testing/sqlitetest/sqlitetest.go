// Package sqlitetest gives tests an SQLite file with a schema.
package sqlitetest

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// Migrated returns the path of a new file to which all migrations in files were
// applied. The file is removed with the test's folder.
func Migrated(t testing.TB, files fs.FS) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatalf("opening the test database: %v", err)
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatalf("reading migrations: %v", err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatalf("applying migrations: %v", err)
	}
	return path
}
