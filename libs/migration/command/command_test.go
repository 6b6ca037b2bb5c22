package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/migration/command"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
)

var cluster postgrestest.Cluster

// folderVariable makes this test binary a migrate process for the files in a
// folder, so that real processes can be started and killed.
const folderVariable = "MIGRATE_TEST_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(folderVariable); folder != "" {
		files := os.DirFS(folder)
		program := config.Program{Name: "test-migrate", Summary: "migrates a test", Version: "0.0.0"}
		os.Exit(command.Run(program, map[database.Dialect]fs.FS{database.PostgreSQL: files, database.SQLite: files}))
	}
	os.Exit(cluster.Run(m))
}

// migrations is the folder of migrations that the tests apply.
func migrations(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("testdata/migrations")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// process returns a migrate process that was not started yet.
func process(ctx context.Context, folder, databaseURL string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	var log bytes.Buffer
	cmd.Env = append(os.Environ(), folderVariable+"="+folder, "DATABASE_URL="+databaseURL, "DATABASE_WAIT=20s", "LOCK_WAIT=30s")
	cmd.Stderr = &log
	return cmd, &log
}

// migrate runs a migrate process to its end.
func migrate(t *testing.T, folder, databaseURL string, args ...string) (code int, out, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd, messages := process(ctx, folder, databaseURL, args...)
	output, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(output), messages.String()
}

// folderWith returns a new folder with files of those names and contents.
func folderWith(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func change(up, down string) string {
	return "-- +goose Up\n" + up + "\n-- +goose Down\n" + down + "\n"
}

// query returns one value.
func query[T any](t *testing.T, databaseURL, statement string, args ...any) T {
	t.Helper()
	db, err := database.Open(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var value T
	if err := db.QueryRowContext(t.Context(), statement, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

// execute runs statements.
func execute(t *testing.T, databaseURL, statements string) {
	t.Helper()
	db, err := database.Open(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// Every command says what it is asked, before and after the others.
func TestCommands(t *testing.T) {
	long.Test(t)
	databaseURL, folder := cluster.Database(t), migrations(t)
	newest := int64(5)
	for _, step := range []struct {
		args []string
		code int
		out  []string
	}{
		{[]string{"version"}, 0, []string{"binary 5\n", "database 0\n"}},
		{[]string{"verify"}, 6, nil},
		{[]string{"plan", "--to", "2"}, 0, []string{"-- 0001_things.sql, in a transaction\n", "CREATE TABLE things", "-- 0002_things_by_name.sql, without a transaction\nCREATE INDEX CONCURRENTLY"}},
		{[]string{"status"}, 0, []string{"0001_things.sql", "pending"}},
		{[]string{"up", "--to", "2"}, 0, nil},
		{[]string{"version"}, 0, []string{"database 2\n"}},
		{[]string{"status"}, 0, []string{"applied", "pending"}},
		{nil, 0, nil},
		{[]string{"verify"}, 0, nil},
		{[]string{"plan"}, 0, []string{"-- nothing to do\n"}},
		{[]string{"version", "--json"}, 0, []string{`"binary": 5`, `"database": 5`}},
		{[]string{"down", "--to", "3"}, 2, nil},
		{[]string{"down", "--yes"}, 2, nil},
		{[]string{"version"}, 0, []string{"database 5\n"}},
		{[]string{"down", "--to", "3", "--yes"}, 0, nil},
		{[]string{"version"}, 0, []string{"database 3\n"}},
		{[]string{"down", "--to", "0", "--yes"}, 0, nil},
		{[]string{"version"}, 0, []string{"database 0\n"}},
		{[]string{"up", "--to", "7"}, 2, nil},
		{[]string{"up", "--to", "two"}, 2, nil},
		{[]string{"sideways"}, 2, nil},
		{[]string{"up"}, 0, nil},
	} {
		code, out, log := migrate(t, folder, databaseURL, step.args...)
		if code != step.code {
			t.Errorf("%q: the exit code is %d, want %d:\n%s", step.args, code, step.code, log)
		}
		for _, want := range step.out {
			if !strings.Contains(out, want) {
				t.Errorf("%q: %q is not in:\n%s", step.args, want, out)
			}
		}
	}
	var lines []struct {
		Version int64
		State   string
	}
	_, out, _ := migrate(t, folder, databaseURL, "status", "--json")
	if err := json.Unmarshal([]byte(out), &lines); err != nil || int64(len(lines)) != newest || lines[4].Version != newest || lines[4].State != "applied" {
		t.Errorf("status --json: %v in %s", err, out)
	}
	var steps []struct{ SQL string }
	_, out, _ = migrate(t, folder, databaseURL, "plan", "--json")
	if err := json.Unmarshal([]byte(out), &steps); err != nil || len(steps) != 0 {
		t.Errorf("plan --json: %v in %s", err, out)
	}
}

// The environment cannot make a Job destroy anything.
func TestDownIsNotOfTheEnvironment(t *testing.T) {
	databaseURL := cluster.Database(t)
	t.Setenv("YES", "true")
	t.Setenv("TO", "0")
	if code, _, log := migrate(t, migrations(t), databaseURL, "down"); code != 2 {
		t.Errorf("the exit code is %d, want 2:\n%s", code, log)
	}
}

// What cannot work ends with its exit code and a message that names it, and
// leaves the database as it was.
func TestRefusals(t *testing.T) {
	long.Test(t)
	good := change("CREATE TABLE a (x int);", "DROP TABLE a;")
	for _, test := range []struct {
		name  string
		files map[string]string
		// prepare are statements before, and url changes the database URL.
		prepare string
		url     func(string) string
		code    int
		want    []string
	}{
		{
			name:  "broken SQL",
			files: map[string]string{"0001_a.sql": change("CREATE TABEL a (x int);", "")},
			code:  5, want: []string{"0001_a.sql", "syntax error"},
		},
		{
			name:  "SQL that is broken in the middle",
			files: map[string]string{"0001_a.sql": change("CREATE TABLE a (x int); SELECT nonsense;", "")},
			code:  5, want: []string{"0001_a.sql", "nonsense"},
		},
		{
			name:  "a bad file name",
			files: map[string]string{"0001_a.sql": good, "2-b.sql": good},
			code:  2, want: []string{"2-b.sql", "its name must be like"},
		},
		{
			name:  "a duplicate number",
			files: map[string]string{"0001_a.sql": good, "0001_b.sql": good},
			code:  2, want: []string{"0001_b.sql", "0001_a.sql", "next free number"},
		},
		{name: "an empty folder", files: nil, code: 2, want: []string{"there are no migrations"}},
		{
			name:  "a file without a way back",
			files: map[string]string{"0001_a.sql": "-- +goose Up\nSELECT 1;\n"},
			code:  2, want: []string{"0001_a.sql", "-- +goose Down"},
		},
		{
			name:  "a directive that is not known",
			files: map[string]string{"0001_a.sql": "-- soketsugo:lock_timeout 5s\n" + good},
			code:  2, want: []string{"0001_a.sql", "lock-timeout"},
		},
		{
			name:  "a database that does not exist",
			files: map[string]string{"0001_a.sql": good},
			url:   func(url string) string { return strings.Replace(url, "/test_", "/tset_", 1) },
			code:  2, want: []string{"does not exist"},
		},
		{
			name:  "another scheme",
			files: map[string]string{"0001_a.sql": good},
			url:   func(url string) string { return strings.Replace(url, "postgres:", "postgers:", 1) },
			code:  2, want: []string{"DATABASE_URL"},
		},
		{
			name:    "no permission",
			files:   map[string]string{"0001_a.sql": good},
			prepare: "CREATE ROLE nobody LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
			url:     func(url string) string { return strings.Replace(url, "user=postgres", "user=nobody", 1) },
			code:    2, want: []string{"permission denied", "grant the user CREATE"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			databaseURL := cluster.Database(t)
			if test.prepare != "" {
				execute(t, databaseURL, test.prepare)
			}
			target := databaseURL
			if test.url != nil {
				target = test.url(databaseURL)
			}
			code, _, log := migrate(t, folderWith(t, test.files), target)
			if code != test.code {
				t.Errorf("the exit code is %d, want %d:\n%s", code, test.code, log)
			}
			for _, want := range test.want {
				if !strings.Contains(log, want) {
					t.Errorf("%q is not in:\n%s", want, log)
				}
			}
			const tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'soketsugo_migrations'"
			if count := query[int](t, databaseURL, tables); count != 0 {
				t.Errorf("there are %d tables, want none", count)
			}
		})
	}
}

// A history that the files do not continue is refused, with what to do, and
// nothing is changed.
func TestHistory(t *testing.T) {
	long.Test(t)
	a, b, c := change("CREATE TABLE a (x int);", "DROP TABLE a;"), change("CREATE TABLE b (x int);", "DROP TABLE b;"), change("CREATE TABLE c (x int);", "DROP TABLE c;")
	for _, test := range []struct {
		name          string
		before, after map[string]string
		code          int
		want          []string
	}{
		{
			name:   "edited",
			before: map[string]string{"0001_a.sql": a}, after: map[string]string{"0001_a.sql": a + "-- a comment\n", "0002_b.sql": b},
			code: 6, want: []string{"0001_a.sql was edited", "in a new migration"},
		},
		{
			name:   "other line ends",
			before: map[string]string{"0001_a.sql": a}, after: map[string]string{"0001_a.sql": strings.ReplaceAll(a, "\n", "\r\n")},
		},
		{
			name:   "missing",
			before: map[string]string{"0001_a.sql": a, "0002_b.sql": b}, after: map[string]string{"0001_a.sql": a, "0003_c.sql": c},
			code: 6, want: []string{"0002_b.sql was applied and is not in this binary", "put the file back"},
		},
		{
			name:   "unknown and newer",
			before: map[string]string{"0001_a.sql": a, "0002_b.sql": b}, after: map[string]string{"0001_a.sql": a},
			code: 6, want: []string{"0002_b.sql was applied by a newer release", "deploy the older servers alone"},
		},
		{
			name:   "out of order",
			before: map[string]string{"0001_a.sql": a, "0003_c.sql": c}, after: map[string]string{"0001_a.sql": a, "0002_b.sql": b, "0003_c.sql": c},
			code: 6, want: []string{"0002_b.sql is older", "next free number"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			databaseURL := cluster.Database(t)
			if code, _, log := migrate(t, folderWith(t, test.before), databaseURL); code != 0 {
				t.Fatalf("the exit code is %d:\n%s", code, log)
			}
			before := dump(t, databaseURL)
			code, _, log := migrate(t, folderWith(t, test.after), databaseURL)
			if code != test.code {
				t.Errorf("the exit code is %d, want %d:\n%s", code, test.code, log)
			}
			for _, want := range test.want {
				if !strings.Contains(log, want) {
					t.Errorf("%q is not in:\n%s", want, log)
				}
			}
			if after := dump(t, databaseURL); after != before {
				t.Errorf("the database was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

// A database that goose migrated goes on with us.
func TestAdopt(t *testing.T) {
	databaseURL := cluster.Database(t)
	execute(t, databaseURL, `CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now());
		INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true), (2, false);
		CREATE TABLE a (x int)`)
	folder := folderWith(t, map[string]string{
		"0001_a.sql": change("CREATE TABLE a (x int);", "DROP TABLE a;"),
		"0002_b.sql": change("CREATE TABLE b (x int);", "DROP TABLE b;"),
	})
	// What up would take over is done already for those who only look.
	if code, out, log := migrate(t, folder, databaseURL, "plan"); code != 0 || strings.Contains(out, "0001_a.sql") || !strings.Contains(out, "0002_b.sql") {
		t.Errorf("plan: the exit code is %d:\n%s%s", code, out, log)
	}
	without := folderWith(t, map[string]string{"0001_a.sql": change("CREATE TABLE a (x int);", "DROP TABLE a;")})
	if code, _, log := migrate(t, without, databaseURL, "verify"); code != 0 {
		t.Errorf("verify: the exit code is %d:\n%s", code, log)
	}
	other := folderWith(t, map[string]string{"0002_b.sql": change("CREATE TABLE b (x int);", "DROP TABLE b;")})
	for _, command := range []string{"up", "plan"} {
		if code, _, log := migrate(t, other, databaseURL, command); code != 6 || !strings.Contains(log, "not in this binary") {
			t.Errorf("%s without a file that goose applied: the exit code is %d, want %d:\n%s", command, code, 6, log)
		}
	}
	if code, _, log := migrate(t, folder, databaseURL); code != 0 || !strings.Contains(log, "took over the history") {
		t.Fatalf("the exit code is %d:\n%s", code, log)
	}
	if count := query[int](t, databaseURL, "SELECT count(*) FROM soketsugo_migrations"); count != 2 {
		t.Errorf("the history has %d migrations, want 2", count)
	}
}

// dump returns the schema as SQL, and what the tables and the history hold. The
// order of rows and the times at which migrations were applied are left out.
func dump(t *testing.T, databaseURL string) string {
	t.Helper()
	const rows = `SELECT COALESCE(string_agg(line, E'\n' ORDER BY line), '') FROM (
		SELECT version || ' ' || name || ' ' || checksum AS line FROM soketsugo_migrations
		UNION ALL
		SELECT table_name || ' ' || md5(query_to_xml(format('SELECT * FROM %I ORDER BY 1', table_name), true, false, '')::text)
		FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'soketsugo_migrations'
	) lines`
	return postgrestest.Dump(t, databaseURL) + "\n" + query[string](t, databaseURL, rows)
}
