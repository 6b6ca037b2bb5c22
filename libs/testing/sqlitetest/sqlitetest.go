// Package sqlitetest gives tests an SQLite file with a schema.
package sqlitetest

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/history"
	"github.com/soketsugo/soketsugo/libs/migration/source"
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
	note(t, db, files)
	return path
}

// note writes the history, which the stores look at.
func note(t testing.TB, db *sql.DB, files fs.FS) {
	t.Helper()
	migrations, err := source.Read(files)
	if err != nil {
		t.Fatalf("reading migrations: %v", err)
	}
	if err := history.Create(t.Context(), db, database.SQLite); err != nil {
		t.Fatal(err)
	}
	for _, migration := range migrations {
		if err := history.Insert(t.Context(), db, migration); err != nil {
			t.Fatal(err)
		}
	}
}
