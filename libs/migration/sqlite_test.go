//go:build sqlite

package migration_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/soketsugo/soketsugo/libs/migration"
)

// An SQLite file is made and migrated, and migrated again.
func TestUpSQLite(t *testing.T) {
	db := open(t, "sqlite://"+filepath.Join(t.TempDir(), "test.db"))
	for _, want := range []migration.Result{{Applied: 1, Version: 1}, {Applied: 0, Version: 1}} {
		got, err := up(t.Context(), db, files("CREATE TABLE a (x INTEGER);"), patient, discard())
		if err != nil || got != want {
			t.Errorf("Up: got %+v, %v; want %+v", got, err, want)
		}
	}
}

// Of many runners at once one applies and all succeed.
func TestUpSQLiteAtOnce(t *testing.T) {
	databaseURL := "sqlite://" + filepath.Join(t.TempDir(), "test.db")
	var group sync.WaitGroup
	for range 4 {
		db := open(t, databaseURL)
		group.Go(func() {
			if _, err := up(t.Context(), db, files("CREATE TABLE a (x INTEGER);"), patient, discard()); err != nil {
				t.Errorf("Up: %v", err)
			}
		})
	}
	group.Wait()
}

// A file that cannot be made is reported at once: there is no server to wait
// for.
func TestUpSQLiteWithoutFolder(t *testing.T) {
	db := open(t, "sqlite://"+filepath.Join(t.TempDir(), "missing", "test.db"))
	_, err := up(t.Context(), db, files("SELECT 1;"), patient, discard())
	if got := migration.ExitCode(err); got != migration.ExitConfiguration {
		t.Errorf("got exit code %d (%v), want %d", got, err, migration.ExitConfiguration)
	}
}
