package postgres_test

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
	"github.com/soketsugo/soketsugo/migrations/playbook/postgres"
	"github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
)

var cluster postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// Up, down to nothing and up again, one by one, works for every migration.
func TestUpDownUp(t *testing.T) {
	db, err := database.Open(cluster.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db.DB, postgres.Files,
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 2 {
		for range provider.ListSources() {
			if _, err := provider.UpByOne(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for range provider.ListSources() {
			if _, err := provider.Down(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Both databases have the same migrations by number and name.
func TestSameFiles(t *testing.T) {
	names := func(files fs.FS) []string {
		t.Helper()
		found, err := fs.Glob(files, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if diff := cmp.Diff(names(postgres.Files), names(sqlite.Files)); diff != "" {
		t.Errorf("files (-postgres +sqlite):\n%s", diff)
	}
}
