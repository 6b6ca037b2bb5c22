//go:build !sqlite

package command_test

import (
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/migration"
)

// Binaries for production hold no SQLite, and say so.
func TestNoSQLite(t *testing.T) {
	code, _, log := migrate(t, "testdata/sqlite", "sqlite://"+t.TempDir()+"/test.db")
	if code != migration.ExitConfiguration || !strings.Contains(log, "PostgreSQL only") {
		t.Errorf("the exit code is %d, want %d:\n%s", code, migration.ExitConfiguration, log)
	}
}
