//go:build sqlite

package command_test

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// contents is the schema of an SQLite file, its history and its rows.
func contents(t *testing.T, databaseURL string) string {
	t.Helper()
	const statement = `SELECT group_concat(line, char(10)) FROM (
		SELECT sql AS line FROM sqlite_master WHERE sql IS NOT NULL
		UNION ALL SELECT version || ' ' || name || ' ' || checksum FROM soketsugo_migrations
		UNION ALL SELECT id || ' ' || name || ' ' || owner FROM things
		ORDER BY line)`
	return query[string](t, databaseURL, statement)
}

// Of many runners at once on one SQLite file all succeed, and each migration is
// applied once.
func TestSQLiteAtOnce(t *testing.T) {
	databaseURL := "sqlite://" + filepath.Join(t.TempDir(), "test.db")
	var group sync.WaitGroup
	for range 20 {
		cmd, log := process(t.Context(), "testdata/sqlite", databaseURL)
		group.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Errorf("%v:\n%s", err, log)
			}
		})
	}
	group.Wait()
	if rows := query[int](t, databaseURL, "SELECT count(*) FROM things"); rows != 2000 {
		t.Errorf("the table has %d rows, want 2000", rows)
	}
}

// Runners that are killed leave a file that the next one brings to its end.
func TestSQLiteKilled(t *testing.T) {
	undisturbed := "sqlite://" + filepath.Join(t.TempDir(), "test.db")
	begin := time.Now()
	if code, _, log := migrate(t, "testdata/sqlite", undisturbed); code != 0 {
		t.Fatalf("the exit code is %d:\n%s", code, log)
	}
	took, want := time.Since(begin), contents(t, undisturbed)
	killed := 0
	for range 20 {
		databaseURL := "sqlite://" + filepath.Join(t.TempDir(), "test.db")
		for range 3 {
			cmd, _ := process(t.Context(), "testdata/sqlite", databaseURL)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(rand.N(took))
			_ = cmd.Process.Kill() // it may have ended
			if cmd.Wait() != nil {
				killed++
			}
		}
		if code, _, log := migrate(t, "testdata/sqlite", databaseURL); code != 0 {
			t.Fatalf("the exit code is %d:\n%s", code, log)
		}
		if got := contents(t, databaseURL); got != want {
			t.Fatalf("the file has\n%s\nwant\n%s", got, want)
		}
	}
	t.Logf("%d of 60 runners were killed before they ended", killed)
	if killed < 10 {
		t.Errorf("only %d runners were killed", killed)
	}
}

// The commands say the same as for PostgreSQL.
func TestSQLiteCommands(t *testing.T) {
	databaseURL := "sqlite://" + filepath.Join(t.TempDir(), "test.db")
	for _, step := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"version"}, 0, "database 0\n"},
		{[]string{"up"}, 0, ""},
		{[]string{"verify"}, 0, ""},
		{[]string{"status"}, 0, "0002_owner.sql   applied"},
		{[]string{"down", "--to=1", "--yes"}, 0, ""},
		{[]string{"version"}, 0, "database 1\n"},
		{[]string{"verify"}, 6, ""},
		{nil, 0, ""},
		{[]string{"version"}, 0, "database 2\n"},
	} {
		code, out, log := migrate(t, "testdata/sqlite", databaseURL, step.args...)
		if code != step.code || !strings.Contains(out, step.want) {
			t.Errorf("%q: the exit code is %d, want %d and %q in\n%s\n%s", step.args, code, step.code, step.want, out, log)
		}
	}
}
