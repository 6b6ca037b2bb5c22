package command_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/testing/long"
)

// longTransaction holds a lock that readers take, for as long as the transaction
// lasts, until end is called.
func longTransaction(t *testing.T, databaseURL, statement string) (end func()) {
	t.Helper()
	db, err := database.Open(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() {
		_ = tx.Rollback() // it only reads
		_ = db.Close()
	})
	t.Cleanup(end)
	return end
}

// A migration that is queued behind a long transaction does not hold up those
// who read and write for longer than its lock timeout. It tries again until the
// transaction ends.
func TestBehindLongTransaction(t *testing.T) {
	long.Test(t)
	const lockTimeout, held, slack = 250 * time.Millisecond, 3 * time.Second, 750 * time.Millisecond
	databaseURL := cluster.Database(t)
	execute(t, databaseURL, "CREATE TABLE things (id int PRIMARY KEY, n int NOT NULL); INSERT INTO things SELECT n, 0 FROM generate_series(1, 100) n")
	end := longTransaction(t, databaseURL, "SELECT * FROM things LIMIT 1")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var traffic sync.WaitGroup
	var longest [2]atomic.Int64
	var count atomic.Int64
	for i, statement := range []string{"SELECT sum(n) FROM things", "UPDATE things SET n = n + 1 WHERE id = 7"} {
		traffic.Go(func() {
			db, err := database.Open(databaseURL)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			for ctx.Err() == nil {
				begin := time.Now()
				if _, err := db.ExecContext(context.WithoutCancel(ctx), statement); err != nil {
					t.Errorf("%s: %v", statement, err)
					return
				}
				longest[i].Store(max(longest[i].Load(), int64(time.Since(begin))))
				count.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	time.AfterFunc(held, end)
	folder := folderWith(t, map[string]string{"0001_note.sql": change("ALTER TABLE things ADD COLUMN note text;", "ALTER TABLE things DROP COLUMN note;")})
	cmd, log := process(t.Context(), folder, databaseURL)
	cmd.Env = append(cmd.Env, "LOCK_TIMEOUT="+lockTimeout.String())
	err := cmd.Run()
	stop()
	traffic.Wait()
	if err != nil {
		t.Fatalf("%v:\n%s", err, log)
	}
	read, write := time.Duration(longest[0].Load()), time.Duration(longest[1].Load())
	t.Logf("a transaction of %s, lock timeout %s: of %d statements the slowest read took %s, the slowest write %s; the migration was tried again %d times",
		held, lockTimeout, count.Load(), read.Round(time.Millisecond), write.Round(time.Millisecond), strings.Count(log.String(), "letting others pass"))
	if limit := lockTimeout + slack; read > limit || write > limit {
		t.Errorf("somebody waited for longer than %s", limit)
	}
	if !strings.Contains(log.String(), "letting others pass") {
		t.Errorf("the migration did not have to try again:\n%s", log)
	}
}

// Who cannot get a lock in time gives up with a code of its own, and says who
// holds it: another runner, or whoever uses a table.
func TestLockNotObtained(t *testing.T) {
	long.Test(t)
	t.Parallel()
	for _, test := range []struct{ name, hold, want string }{
		{"another runner", fmt.Sprintf("SELECT pg_advisory_lock(%d)", migration.LockID), "for another runner"},
		{"a table", "SELECT * FROM things LIMIT 1", "0001_note.sql"},
	} {
		t.Run(test.name, func(t *testing.T) {
			databaseURL := cluster.Database(t)
			execute(t, databaseURL, "CREATE TABLE things (id int)")
			longTransaction(t, databaseURL, test.hold)
			folder := folderWith(t, map[string]string{"0001_note.sql": change("ALTER TABLE things ADD COLUMN note text;", "SELECT 1;")})
			cmd, log := process(t.Context(), folder, databaseURL)
			cmd.Env = append(cmd.Env, "LOCK_WAIT=2s", "LOCK_TIMEOUT=1900ms")
			err := cmd.Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != migration.ExitLocked {
				t.Errorf("got %v, want exit code %d:\n%s", err, migration.ExitLocked, log)
			}
			if told := strings.Count(log.String(), "migration waits for a lock"); told > 1 {
				t.Errorf("who holds the lock is told %d times in one wait", told)
			}
			for _, want := range []string{test.want, "pid ", "idle in transaction", test.hold} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("%q is not in:\n%s", want, log)
				}
			}
		})
	}
}

// What a failed CREATE INDEX CONCURRENTLY leaves is dropped before the next
// attempt, however the index is written.
func TestInvalidIndex(t *testing.T) {
	for _, create := range []string{
		"-- A comment.\n" + `CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "Things_id" ON s."Things" (id);`,
		"CREATE UNIQUE INDEX CONCURRENTLY -- a note\nIF NOT EXISTS Things_id ON s /* a note */ .\"Things\" (id);",
		`CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS Chosés_É ON s."Things" (id);`,
		"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS " + strings.Repeat("é", 40) + ` ON s."Things" (id);`,
	} {
		databaseURL := cluster.Database(t)
		execute(t, databaseURL, `CREATE SCHEMA s; CREATE TABLE s."Things" (id int); INSERT INTO s."Things" VALUES (1), (1)`)
		folder := folderWith(t, map[string]string{"0001_unique.sql": "-- +goose NO TRANSACTION\n" + change(create, `SELECT 1;`)})
		const invalid, valid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid", "SELECT count(*) FROM pg_index WHERE indrelid = 's.\"Things\"'::regclass AND indisvalid"
		if code, _, log := migrate(t, folder, databaseURL); code != migration.ExitFailed || query[int](t, databaseURL, invalid) != 1 {
			t.Fatalf("%s: the exit code is %d, want %d and an invalid index:\n%s", create, code, migration.ExitFailed, log)
		}
		execute(t, databaseURL, `DELETE FROM s."Things"`)
		if code, _, log := migrate(t, folder, databaseURL); code != 0 || !strings.Contains(log, "dropping the invalid index") {
			t.Errorf("%s: the exit code is %d:\n%s", create, code, log)
		}
		if query[int](t, databaseURL, invalid) != 0 || query[int](t, databaseURL, valid) != 1 {
			t.Errorf("%s: the index is not there, or invalid", create)
		}
	}
}

// An index that IF NOT EXISTS takes for the one that is wanted is not noted as made.
func TestOtherIndex(t *testing.T) {
	databaseURL := cluster.Database(t)
	execute(t, databaseURL, "CREATE TABLE things (id int); CREATE TABLE others (id int); CREATE INDEX by_id ON others (id)")
	folder := folderWith(t, map[string]string{"0001_by_id.sql": "-- +goose NO TRANSACTION\n" +
		change("CREATE INDEX CONCURRENTLY IF NOT EXISTS by_id ON things (id);", "SELECT 1;")})
	if code, _, log := migrate(t, folder, databaseURL); code != migration.ExitFailed || !strings.Contains(log, "by_id is not on the table things") {
		t.Errorf("the exit code is %d, want %d:\n%s", code, migration.ExitFailed, log)
	}
}

// A migration that takes long says so once in a while: which it is, for how long
// it has been running, and what it is about.
func TestProgress(t *testing.T) {
	long.Test(t)
	t.Parallel()
	databaseURL := cluster.Database(t)
	folder := folderWith(t, map[string]string{"0001_slow.sql": change("SELECT pg_sleep(11);", "SELECT 1;")})
	code, _, log := migrate(t, folder, databaseURL)
	if code != 0 {
		t.Errorf("the exit code is %d:\n%s", code, log)
	}
	for _, want := range []string{`"msg":"migration runs","file":"0001_slow.sql","seconds":10.`, `"progress":"active, waits for PgSleep"`} {
		if strings.Count(log, want) != 1 {
			t.Errorf("%s is not in the log once:\n%s", want, log)
		}
	}
}

// Timeouts can be set for all migrations and for one.
func TestTimeouts(t *testing.T) {
	long.Test(t)
	for _, test := range []struct {
		name, head string
		code       int
		want       string
	}{
		{"for all", "", migration.ExitFailed, "statement timeout"},
		{"for one", "-- soketsugo:statement-timeout 20s\n-- soketsugo:lock-timeout 7s\n", migration.ExitOK, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			databaseURL := cluster.Database(t)
			folder := folderWith(t, map[string]string{
				"0001_slow.sql": test.head + change("CREATE TABLE was AS SELECT current_setting('lock_timeout') AS lock; SELECT pg_sleep(1);", "DROP TABLE was;"),
			})
			cmd, log := process(t.Context(), folder, databaseURL)
			cmd.Env = append(cmd.Env, "STATEMENT_TIMEOUT=300ms")
			_ = cmd.Run() // the code says it
			if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(log.String(), test.want) {
				t.Errorf("the exit code is %d, want %d and %q:\n%s", code, test.code, test.want, log)
			}
			if test.code == migration.ExitOK {
				if lock := query[string](t, databaseURL, "SELECT lock FROM was"); lock != "7s" {
					t.Errorf("the lock timeout was %s, want 7s", lock)
				}
			}
		})
	}
}

// A pooler in transaction mode would strand the lock, and is refused with the
// remedy; one in session mode is as good as the server. Both are told apart
// whether or not others use the pooler.
func TestPooler(t *testing.T) {
	long.Test(t)
	for _, test := range []struct {
		mode string
		busy bool
		code int
		want string
	}{
		{"transaction", false, migration.ExitConfiguration, "leads to a connection pooler"},
		{"transaction", true, migration.ExitConfiguration, "leads to a connection pooler"},
		{"session", false, migration.ExitOK, ""},
		{"session", true, migration.ExitOK, ""},
	} {
		t.Run(fmt.Sprintf("%s, busy %v", test.mode, test.busy), func(t *testing.T) {
			databaseURL := cluster.Database(t)
			through := cluster.Pooler(t, databaseURL, test.mode)
			if test.busy {
				longTransaction(t, through, "SELECT 1")
			}
			code, _, log := migrate(t, migrations(t), through)
			if code != test.code || !strings.Contains(log, test.want) {
				t.Errorf("the exit code is %d, want %d and %q:\n%s", code, test.code, test.want, log)
			}
			const tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
			if count := query[int](t, databaseURL, tables); (count == 0) != (test.code != 0) {
				t.Errorf("there are %d tables", count)
			}
		})
	}
}
