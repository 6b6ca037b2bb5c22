package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/store/storetest"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
)

func open(t *testing.T) storetest.Store {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// The store does what every store must do.
func TestConformance(t *testing.T) { storetest.Run(t, open) }

// A file that cannot be opened is unavailable, and one without tables is not
// ready.
func TestCheckFails(t *testing.T) {
	for _, test := range []struct {
		name, path string
		want       domain.Kind
	}{
		{"no folder", filepath.Join(t.TempDir(), "missing", "playbook.db"), domain.Unavailable},
		{"no tables", filepath.Join(t.TempDir(), "a b%?#.db"), 0},
	} {
		store, err := sqlite.Open(test.path)
		if err != nil {
			t.Fatal(err)
		}
		err = store.Check(t.Context())
		if err == nil || domain.KindOf(err) != test.want {
			t.Errorf("%s: got kind %v (%v), want %v", test.name, domain.KindOf(err), err, test.want)
		}
		store.Close()
	}
}
