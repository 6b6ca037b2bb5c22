package released_test

import (
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/migration/source"
	"github.com/soketsugo/soketsugo/tools/migrations/released"
)

func migration(version int64, name, content string, readUntil int64) source.Migration {
	return source.Migration{Version: version, Name: name, Checksum: strings.Repeat(content, 64), ReadUntil: readUntil}
}

// New files are added, released ones must stay as they are.
func TestSums(t *testing.T) {
	a, b := migration(1, "0001_a.sql", "a", 0), migration(2, "0002_b.sql", "b", 0)
	edited := migration(1, "0001_a.sql", "c", 0)
	both := line("a", "0001_a.sql") + line("b", "0002_b.sql")
	for _, test := range []struct {
		name       string
		migrations []source.Migration
		sums       string
		edited     []string
		// check and update are what the errors hold; empty for none.
		check, update, want string
	}{
		{name: "as released", migrations: []source.Migration{a, b}, sums: both, want: both},
		{name: "new", migrations: []source.Migration{a, b}, sums: line("a", "0001_a.sql"), check: "0002_b.sql is not in SUMS", want: both},
		{name: "the first", migrations: []source.Migration{a}, check: "0001_a.sql is not in SUMS", want: line("a", "0001_a.sql")},
		{name: "edited", migrations: []source.Migration{edited}, sums: line("a", "0001_a.sql"), check: "0001_a.sql was edited", update: "0001_a.sql was edited"},
		{
			name: "edited, and said so", migrations: []source.Migration{edited}, sums: line("a", "0001_a.sql"), edited: []string{"0001_a.sql"},
			check: "0001_a.sql was edited", want: line("c", "0001_a.sql"),
		},
		{name: "removed", migrations: []source.Migration{b}, sums: both, check: "0001_a.sql is gone", update: "0001_a.sql is gone"},
		{name: "a merge that was not resolved", migrations: []source.Migration{a}, sums: "<<<<<<< HEAD\n" + both, check: "keeping both lines", update: "keeping both lines"},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, "Check", released.Check(test.migrations, []byte(test.sums)), test.check)
			got, err := released.Update(test.migrations, []byte(test.sums), test.edited)
			check(t, "Update", err, test.update)
			if string(got) != test.want {
				t.Errorf("Update: got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func line(content, name string) string { return strings.Repeat(content, 64) + "  " + name + "\n" }

func check(t *testing.T, what string, err error, want string) {
	t.Helper()
	if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v, want %q", what, err, want)
	}
}

// Servers wait for what they use, not for what is taken away.
func TestRequired(t *testing.T) {
	expand, contract := migration(1, "0001_a.sql", "a", 0), migration(3, "0003_c.sql", "c", 1)
	for _, test := range []struct {
		migrations []source.Migration
		want       int64
	}{
		{[]source.Migration{expand}, 1},
		{[]source.Migration{expand, contract}, 1},
		{[]source.Migration{expand, contract, migration(4, "0004_d.sql", "d", 0)}, 4},
	} {
		if got := released.Required(test.migrations); got != test.want {
			t.Errorf("%d migrations: got %d, want %d", len(test.migrations), got, test.want)
		}
	}
}
