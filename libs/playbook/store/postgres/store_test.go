package postgres_test

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres"
	"github.com/soketsugo/soketsugo/libs/playbook/store/storetest"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/postgres"
)

var cluster = postgrestest.Cluster{Prepare: migrate}

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

func migrate(ctx context.Context, databaseURL string) error {
	db, err := database.Open(databaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = migration.Up(ctx, db, map[database.Dialect]fs.FS{database.PostgreSQL: migrations.Files},
		migration.Config{DatabaseWait: time.Minute, LockWait: time.Minute}, slog.New(slog.DiscardHandler))
	return err
}

// The store does what every store must do.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		store, err := postgres.Open(t.Context(), cluster.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		return store
	})
}

// A server that is away makes calls fail as unavailable, not the opening.
func TestUnavailable(t *testing.T) {
	store, err := postgres.Open(t.Context(), "postgres:///nothing?user=nobody&host="+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Check(t.Context()); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("Check: got kind %v (%v), want %v", domain.KindOf(err), err, domain.Unavailable)
	}
	if _, err := store.Playbook(t.Context(), "0190b0a4-7c3e-7b1a-8f1e-000000000000"); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("Playbook: got kind %v (%v), want %v", domain.KindOf(err), err, domain.Unavailable)
	}
}

// A URL that cannot be used is refused without showing its password.
func TestOpenHidesPassword(t *testing.T) {
	_, err := postgres.Open(t.Context(), "postgres://user:hunter2@localhost/db?pool_max_conns=many")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Open: got %v, want an error without the password", err)
	}
}
