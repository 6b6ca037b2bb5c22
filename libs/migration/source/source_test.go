package source_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/migration/source"
)

const good = "-- +goose Up\nSELECT 1;\n\n-- +goose Down\nSELECT 2;\n"

// A file's parts, comments and settings are read.
func TestParse(t *testing.T) {
	hour, none := time.Hour, time.Duration(0)
	for _, test := range []struct {
		name, content string
		want          source.Migration
	}{
		{"0001_a.sql", good, source.Migration{Version: 1, Up: "SELECT 1;", Down: "SELECT 2;"}},
		{"12345_a_b2.sql", "-- a comment\n" + good, source.Migration{Version: 12345, Up: "SELECT 1;", Down: "SELECT 2;"}},
		{
			"0010_a.sql", "-- +goose NO TRANSACTION\n-- soketsugo:lock-timeout 0s\n-- soketsugo:statement-timeout 1h\n-- soketsugo:contract 0009\n" + good,
			source.Migration{
				Version: 10, Up: "SELECT 1;", Down: "SELECT 2;", NoTransaction: true, ReadUntil: 9,
				LockTimeout: &none, StatementTimeout: &hour,
			},
		},
		{"0001_a.sql", strings.ReplaceAll(good, "\n", "\r\n"), source.Migration{Version: 1, Up: "SELECT 1;", Down: "SELECT 2;"}},
		{
			"0001_a.sql", "-- +goose Up\nCOPY (SELECT 'FROM STDIN') TO STDOUT; COPY a FROM '/b';\n-- +goose Down\nSELECT $$; COPY a FROM STDIN$$;",
			source.Migration{Version: 1, Up: "COPY (SELECT 'FROM STDIN') TO STDOUT; COPY a FROM '/b';", Down: "SELECT $$; COPY a FROM STDIN$$;"},
		},
		{
			"0001_a.sql", "-- +goose Up\n-- soketsugo:allow a-rule because\nSELECT 1;\n-- +goose Down\n",
			source.Migration{Version: 1, Up: "-- soketsugo:allow a-rule because\nSELECT 1;"},
		},
	} {
		got, err := source.Parse(test.name, []byte(test.content))
		if err != nil {
			t.Errorf("%q: %v", test.content, err)
			continue
		}
		test.want.Name, test.want.Checksum = test.name, got.Checksum
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.content, diff)
		}
	}
}

// The checksum is that of sha256sum, and does not depend on line ends.
func TestChecksum(t *testing.T) {
	const want = "a8130bcd75861b9ec04592bdec91e453025251b4f3f882fbfe1e4030d621655d"
	unix, err := source.Parse("0001_a.sql", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	windows, err := source.Parse("0001_a.sql", []byte(strings.ReplaceAll(good, "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	if unix.Checksum != want || windows.Checksum != want {
		t.Errorf("got %s and %s, want %s", unix.Checksum, windows.Checksum, want)
	}
}

// What cannot be a migration is refused with what it must be.
func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ name, content, want string }{
		{"1_a.sql", good, "its name must be like"},
		{"0001-a.sql", good, "its name must be like"},
		{"0001_A.sql", good, "its name must be like"},
		{"0001_.sql", good, "its name must be like"},
		{"0001_a__b.sql", good, "its name must be like"},
		{"0000_a.sql", good, "from 1 to"},
		{"99999999999999999999_a.sql", good, "from 1 to"},
		{"0001_a.sql", "SELECT 1;", `no line "-- +goose Up"`},
		{"0001_a.sql", "-- +goose Up\nSELECT 1;", `no line "-- +goose Down"`},
		{"0001_a.sql", "-- soketsugo:lock-timeout 5\n" + good, "takes a duration"},
		{"0001_a.sql", "-- soketsugo:lock-timeout -5s\n" + good, "takes a duration"},
		{"0001_a.sql", "-- soketsugo:statement-timeout\n" + good, "takes a duration"},
		{"0002_a.sql", "-- soketsugo:contract\n" + good, "takes the number"},
		{"0002_a.sql", "-- soketsugo:contract 2\n" + good, "lower than the file's own"},
		{"0001_a.sql", "-- +goose Up\nSELECT 1; copy a (b) /* c */ FROM -- d\nstdin;\n-- +goose Down\n", "COPY ... FROM STDIN"},
		{"0001_a.sql", "-- +goose Up\nSELECT 1;\n-- +goose Down\nCOPY a FROM STDOUT WITH (FORMAT csv);\n", "COPY ... FROM STDIN"},
		{"0002_a.sql", "-- soketsugo:locktimeout 5s\n" + good, "is not known"},
	} {
		_, err := source.Parse(test.name, []byte(test.content))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %q: got %v, want an error with %q", test.name, test.content, err, test.want)
		}
	}
}

// All mistakes of a folder are reported at once.
func TestRead(t *testing.T) {
	file := &fstest.MapFile{Data: []byte(good)}
	got, err := source.Read(fstest.MapFS{"0002_b.sql": file, "0001_a.sql": file, "10000_c.sql": file, "SUMS": file})
	if err != nil || len(got) != 3 || got[0].Version != 1 || got[1].Version != 2 || got[2].Version != 10000 {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = source.Read(fstest.MapFS{"0001_a.sql": file, "0001_b.sql": file, "x.sql": file})
	for _, want := range []string{"x.sql", "0001_b.sql: its number is that of 0001_a.sql too"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	if _, err := source.Read(fstest.MapFS{}); err == nil {
		t.Error("an empty folder is taken")
	}
}

// The indexes that a file makes without holding up writers are found, however they
// are written, and refused where they are not.
func TestConcurrentIndexes(t *testing.T) {
	one := func(name, table string) []source.Index { return []source.Index{{Name: name, Table: table}} }
	const refused = "is not understood"
	for _, test := range []struct {
		up, err string
		want    []source.Index
	}{
		{"CREATE INDEX CONCURRENTLY a ON b (c);", "", one("a", "b")},
		{"create unique index concurrently if not exists a_b on only s.b using gin (c);", "", one("a_b", "s.b")},
		{"-- CREATE INDEX CONCURRENTLY no ON no (c)\nCREATE INDEX\n  CONCURRENTLY \"A \"\"b\" ON \"S\".\"T t\" (c);", "", one(`"A ""b"`, `"S"."T t"`)},
		{"CREATE UNIQUE INDEX CONCURRENTLY -- a note\n IF NOT EXISTS a ON b (c);", "", one("a", "b")},
		{"CREATE/* a /* nested */ 'note' */INDEX CONCURRENTLY a ON s /**/ . b(c);", "", one("a", "s.b")},
		{"CREATE INDEX CONCURRENTLY IF NOT EXISTS Tié ON \"été\".hivers$1 (c);", "", one("Tié", `"été".hivers$1`)},
		{"CREATE INDEX CONCURRENTLY a ON b (c); CREATE INDEX CONCURRENTLY d ON e (f);", "", []source.Index{{Name: "a", Table: "b"}, {Name: "d", Table: "e"}}},
		{"CREATE INDEX a ON b (c);", "", nil},
		{"REINDEX INDEX CONCURRENTLY a;", "", nil},
		{"SELECT 'a; CREATE INDEX CONCURRENTLY ON b', E'\\'; CREATE INDEX CONCURRENTLY ON b', $x$; CREATE INDEX CONCURRENTLY ON b$x$;", "", nil},
		{"CREATE INDEX CONCURRENTLY ON b (c);", refused, []source.Index{{}}},
		{"CREATE INDEX CONCURRENTLY U&\"a\" ON b (c);", refused, []source.Index{{}}},
		{"CREATE INDEX CONCURRENTLY a ON U&\"b\" (c);", refused, []source.Index{{}}},
		{"CREATE INDEX CONCURRENTLY a ON", refused, []source.Index{{}}},
	} {
		m, err := source.Parse("0001_a.sql", []byte("-- +goose NO TRANSACTION\n-- +goose Up\n"+test.up+"\n-- +goose Down\n"+test.up+"\n"))
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: got %v, want an error with %q", test.up, err, test.err)
		}
		for _, up := range []bool{true, false} {
			if diff := cmp.Diff(test.want, m.ConcurrentIndexes(up)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.up, diff)
			}
		}
		if want := !strings.HasPrefix(test.up, "SELECT") && strings.Contains(strings.ToUpper(test.up), "CONCURRENTLY"); m.Concurrent() != want {
			t.Errorf("%s: Concurrent is %v", test.up, m.Concurrent())
		}
	}
}

// Whatever is in a file, reading it ends, and what is read has both parts.
func FuzzParse(f *testing.F) {
	f.Add("0001_a.sql", good)
	f.Add("0010_a.sql", "-- +goose NO TRANSACTION\n-- soketsugo:contract 9\n-- soketsugo:lock-timeout 1s\n"+good)
	f.Add("0011_a.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY \"a\" ON $b$/*$b$ E'\\\n-- +goose Down\n")
	f.Fuzz(func(t *testing.T, name, content string) {
		m, err := source.Parse(name, []byte(content))
		if err != nil {
			return
		}
		if m.Version < 1 || m.ReadUntil < 0 || m.ReadUntil >= m.Version || len(m.Checksum) != 64 {
			t.Errorf("%q %q: got %+v", name, content, m)
		}
		m.ConcurrentIndexes(true)
	})
}
