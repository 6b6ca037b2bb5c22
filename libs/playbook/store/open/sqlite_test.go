//go:build sqlite

package open_test

import (
	"testing"

	"github.com/soketsugo/soketsugo/libs/playbook/store/open"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	"github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
)

// A development binary opens an SQLite file by its URL.
func TestOpenSQLite(t *testing.T) {
	store, err := open.Open("sqlite://" + sqlitetest.Migrated(t, sqlite.Files))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.CheckSchema(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
}
