package migration_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/history"
	"github.com/soketsugo/soketsugo/libs/migration/source"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
)

var cluster postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

var patient = migration.Config{DatabaseWait: 30 * time.Second, LockWait: 30 * time.Second}

func files(sources ...string) map[database.Dialect]fs.FS {
	all := fstest.MapFS{}
	for i, source := range sources {
		name := fmt.Sprintf("%04d_change.sql", i+1)
		all[name] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + source + "\n-- +goose Down\nSELECT 1;\n")}
	}
	return map[database.Dialect]fs.FS{database.PostgreSQL: all, database.SQLite: all}
}

func open(t *testing.T, databaseURL string) *database.Database {
	t.Helper()
	db, err := database.Open(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func up(ctx context.Context, db *database.Database, files map[database.Dialect]fs.FS, config migration.Config, log *slog.Logger) (migration.Result, error) {
	migrator, err := migration.New(db, files, config, log)
	if err != nil {
		return migration.Result{}, err
	}
	return migrator.Up(ctx, migration.Newest)
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Migrations are applied once, in order, and logged; a second run finds nothing
// to do; a later one goes on from there.
func TestUp(t *testing.T) {
	long.Test(t)
	db := open(t, cluster.Database(t))
	first, second := "CREATE TABLE a (x int);", "ALTER TABLE a ADD y int; INSERT INTO a VALUES (1, 2);"
	for _, test := range []struct {
		files map[database.Dialect]fs.FS
		want  migration.Result
	}{
		{files(first), migration.Result{Applied: 1, Version: 1}},
		{files(first), migration.Result{Applied: 0, Version: 1}},
		{files(first, second), migration.Result{Applied: 1, Version: 2}},
	} {
		var log bytes.Buffer
		got, err := up(t.Context(), db, test.files, patient, slog.New(slog.NewJSONHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("Up: got %+v, want %+v", got, test.want)
		}
		if lines := strings.Count(log.String(), "migration applied"); lines != test.want.Applied {
			t.Errorf("the log names %d migrations, want %d:\n%s", lines, test.want.Applied, &log)
		}
	}
}

// A runner that has applied something tells those who wait for it, so that they
// need not look all the time. One that found nothing to do has held up nobody.
func TestTellsWaiters(t *testing.T) {
	long.Test(t)
	databaseURL := cluster.Database(t)
	waiter := open(t, databaseURL).Session()
	t.Cleanup(func() { waiter.Close() })
	if _, err := waiter.ExecContext(t.Context(), "LISTEN soketsugo_migrations"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		limit time.Duration
		told  bool
	}{{"something to do", 10 * time.Second, true}, {"nothing to do", 100 * time.Millisecond, false}} {
		if _, err := up(t.Context(), open(t, databaseURL), files("CREATE TABLE a (x int);"), patient, discard()); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := database.Wait(t.Context(), waiter, test.limit); err != nil {
			t.Fatal(err)
		}
		if told := time.Since(begin) < test.limit; told != test.told {
			t.Errorf("%s: told = %v, want %v", test.name, told, test.told)
		}
	}
}

// Of many runners at once one applies and all succeed.
func TestUpAtOnce(t *testing.T) {
	databaseURL := cluster.Database(t)
	const runners = 8
	var mu sync.Mutex
	applied := 0
	var group sync.WaitGroup
	for range runners {
		db := open(t, databaseURL)
		group.Go(func() {
			result, err := up(t.Context(), db, files("CREATE TABLE a (x int);", "CREATE TABLE b (x int);"), patient, discard())
			if err != nil {
				t.Errorf("Up: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			applied += result.Applied
		})
	}
	group.Wait()
	if applied != 2 {
		t.Errorf("%d migrations were applied by all runners together, want 2", applied)
	}
}

// A migration that fails leaves those before it, nothing of itself, and is
// named.
func TestUpFails(t *testing.T) {
	db := open(t, cluster.Database(t))
	result, err := up(t.Context(), db, files("CREATE TABLE a (x int);", "CREATE TABLE b (x int); SELECT nonsense;"), patient, discard())
	if migration.ExitCode(err) != migration.ExitFailed || !strings.Contains(fmt.Sprint(err), "0002_change.sql") {
		t.Errorf("Up: got %v, want a failure that names 0002_change.sql", err)
	}
	if result.Applied != 1 {
		t.Errorf("%d migrations were applied, want 1", result.Applied)
	}
	var exists bool
	row := db.QueryRowContext(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE tablename = $1)", "b")
	if err := row.Scan(&exists); err != nil || exists {
		t.Errorf("table b: exists = %v, %v; want false", exists, err)
	}
	if result, err = up(t.Context(), db, files("CREATE TABLE a (x int);", "CREATE TABLE b (x int);"), patient, discard()); err != nil || result.Version != 2 {
		t.Errorf("after the repair: got %+v, %v; want version 2", result, err)
	}
}

// Who cannot get the lock in time gives up, with an exit code of its own, and
// gets it when it is free again.
func TestUpLocked(t *testing.T) {
	databaseURL := cluster.Database(t)
	db := open(t, databaseURL)
	holding, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		other := open(t, databaseURL)
		conn, err := other.Conn(context.Background())
		if err != nil {
			t.Error(err)
			close(holding)
			return
		}
		defer conn.Close()
		if _, err := conn.ExecContext(context.Background(), "SELECT pg_advisory_lock($1)", migration.LockID); err != nil {
			t.Error(err)
		}
		close(holding)
		<-release
	})
	<-holding
	impatient := migration.Config{DatabaseWait: time.Second, LockWait: 100 * time.Millisecond}
	_, err := up(t.Context(), db, files("CREATE TABLE a (x int);"), impatient, discard())
	if migration.ExitCode(err) != migration.ExitLocked {
		t.Errorf("Up: got %v, want exit code %d", err, migration.ExitLocked)
	}
	close(release)
	group.Wait()
}

// A signal stops the statement on the server, not only the wait for it.
func TestUpInterrupted(t *testing.T) {
	databaseURL := cluster.Database(t)
	db := open(t, databaseURL)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	begin := time.Now()
	_, err := up(ctx, db, files("CREATE TABLE a (x int);", "SELECT pg_sleep(60);"), patient, discard())
	if migration.ExitCode(err) != migration.ExitInterrupted {
		t.Errorf("Up: got %v, want exit code %d", err, migration.ExitInterrupted)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Up took %s", took)
	}
	var sleeping int
	watcher := open(t, databaseURL)
	row := watcher.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'")
	if err := row.Scan(&sleeping); err != nil || sleeping != 0 {
		t.Errorf("%d statements still run (%v), want none", sleeping, err)
	}
}

// A database that is away is waited for until the deadline, one that refuses
// for good is not, and a set of files that cannot work is refused before
// anything is tried.
func TestUpExitCodes(t *testing.T) {
	databaseURL := cluster.Database(t)
	short := migration.Config{DatabaseWait: 300 * time.Millisecond, LockWait: time.Second}
	for _, test := range []struct {
		name, url string
		files     map[database.Dialect]fs.FS
		want      int
	}{
		{"nobody listens", "postgres:///db?user=u&host=" + t.TempDir(), files("SELECT 1;"), migration.ExitUnreachable},
		{"no such database", strings.Replace(databaseURL, "/test_", "/missing_", 1), files("SELECT 1;"), migration.ExitConfiguration},
		{"no such role", strings.Replace(databaseURL, "user=postgres", "user=missing", 1), files("SELECT 1;"), migration.ExitConfiguration},
		{"no files", databaseURL, files(), migration.ExitConfiguration},
		{"no files for the dialect", databaseURL, nil, migration.ExitConfiguration},
		{"two files with one number", databaseURL, map[database.Dialect]fs.FS{database.PostgreSQL: fstest.MapFS{
			"0001_a.sql": &fstest.MapFile{Data: []byte("-- +goose Up\nSELECT 1;\n")},
			"0001_b.sql": &fstest.MapFile{Data: []byte("-- +goose Up\nSELECT 1;\n")},
		}}, migration.ExitConfiguration},
	} {
		_, err := up(t.Context(), open(t, test.url), test.files, short, discard())
		if got := migration.ExitCode(err); got != test.want {
			t.Errorf("%s: got exit code %d (%v), want %d", test.name, got, err, test.want)
		}
	}
}

// A database that comes up late is used as soon as it answers.
func TestUpWaits(t *testing.T) {
	address, err := url.Parse(cluster.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	sockets, late := query.Get("host"), filepath.Join(t.TempDir(), "s")
	query.Set("host", late)
	address.RawQuery = query.Encode()
	time.AfterFunc(300*time.Millisecond, func() { _ = os.Symlink(sockets, late) })
	begin := time.Now()
	result, err := up(t.Context(), open(t, address.String()), files("CREATE TABLE a (x int);"), patient, discard())
	if err != nil || result.Version != 1 {
		t.Errorf("Up: got %+v, %v; want version 1", result, err)
	}
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("Up took %s, before the database was there", took)
	}
}

// Who waits for a database can be interrupted.
func TestUpInterruptedWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	db := open(t, "postgres:///db?user=u&host="+t.TempDir())
	_, err := up(ctx, db, files("SELECT 1;"), patient, discard())
	if !errors.Is(err, context.Canceled) || migration.ExitCode(err) != migration.ExitInterrupted {
		t.Errorf("interrupted while waiting: got %v", err)
	}
}

// Migrations have the timeouts of the run: neither that of the wait for the lock
// nor what the database has for everybody.
func TestUpOverridesTimeouts(t *testing.T) {
	for _, test := range []struct {
		lockTimeout, statementTimeout time.Duration
		want                          string
	}{{0, 0, "0 0"}, {2 * time.Second, time.Minute, "2s 1min"}} {
		databaseURL := cluster.Database(t)
		db := open(t, databaseURL)
		for _, timeout := range []string{"lock_timeout", "statement_timeout"} {
			_, err := db.ExecContext(t.Context(), fmt.Sprintf("DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET %s = 54321', current_database()); END $$", timeout))
			if err != nil {
				t.Fatal(err)
			}
		}
		config := patient
		config.LockTimeout, config.StatementTimeout = test.lockTimeout, test.statementTimeout
		note := "CREATE TABLE a AS SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') AS value;"
		if _, err := up(t.Context(), open(t, databaseURL), files(note), config, discard()); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := db.QueryRowContext(t.Context(), "SELECT value FROM a").Scan(&got); err != nil || got != test.want {
			t.Errorf("migrations run with timeouts of %q (%v), want %q", got, err, test.want)
		}
	}
}

// A pooler in session mode is as good as the server at once, whatever process it
// says that it is.
func TestUpThroughPooler(t *testing.T) {
	through := cluster.Pooler(t, cluster.Database(t), "session")
	for range 10 {
		var log bytes.Buffer
		_, err := up(t.Context(), open(t, through), files("CREATE TABLE a (x int);"), patient, slog.New(slog.NewJSONHandler(&log, nil)))
		if err != nil || strings.Contains(log.String(), "waiting") {
			t.Errorf("Up: %v:\n%s", err, &log)
		}
	}
}

// A pooler in transaction mode is recognised also while others use its connections
// for a moment each.
func TestUpRefusesBusyPooler(t *testing.T) {
	long.Test(t)
	through := cluster.Pooler(t, cluster.Database(t), "transaction")
	var clients sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for client := range 3 {
		db := open(t, through)
		clients.Go(func() {
			for ctx.Err() == nil {
				if _, err := db.ExecContext(t.Context(), fmt.Sprintf("SELECT pg_sleep(0.000%d)", client)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	impatient := migration.Config{DatabaseWait: 5 * time.Second, LockWait: 100 * time.Millisecond}
	for range 100 {
		db := open(t, through)
		_, err := up(t.Context(), db, files("CREATE TABLE a (x int);"), impatient, discard())
		_ = db.Close()
		if migration.ExitCode(err) != migration.ExitConfiguration {
			t.Errorf("Up: got %v, want exit code %d", err, migration.ExitConfiguration)
		}
	}
	stop()
	clients.Wait()
}

// A database that can only be read, as a standby can, is waited for as one that is
// away.
func TestUpReadOnly(t *testing.T) {
	databaseURL := cluster.Database(t)
	admin := open(t, databaseURL)
	set := func(value string) error {
		_, err := admin.ExecContext(context.Background(), "SET default_transaction_read_only = off; "+
			"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = "+value+"', current_database()); END $$")
		return err
	}
	if err := set("on"); err != nil {
		t.Fatal(err)
	}
	short := migration.Config{DatabaseWait: 300 * time.Millisecond, LockWait: time.Second}
	if _, err := up(t.Context(), open(t, databaseURL), files("CREATE TABLE a (x int);"), short, discard()); migration.ExitCode(err) != migration.ExitUnreachable {
		t.Errorf("Up: got %v, want exit code %d", err, migration.ExitUnreachable)
	}
	time.AfterFunc(300*time.Millisecond, func() {
		if err := set("off"); err != nil {
			t.Error(err)
		}
	})
	if result, err := up(t.Context(), open(t, databaseURL), files("CREATE TABLE a (x int);"), patient, discard()); err != nil || result.Version != 1 {
		t.Errorf("Up: got %+v, %v; want version 1", result, err)
	}
}

// Nothing is noted by a process of the server that does not hold the lock.
func TestInsertBy(t *testing.T) {
	db := open(t, cluster.Database(t))
	session := db.Session()
	t.Cleanup(func() { _ = session.Close() })
	pid, err := database.BackendPID(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	if err := history.Create(t.Context(), session, database.PostgreSQL); err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{history.ErrOtherProcess, nil} {
		if err := history.InsertBy(t.Context(), session, source.Migration{Version: 1}, pid+1-int64(i)); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if entries, err := history.Read(t.Context(), session); err != nil || len(entries) != 1 {
		t.Errorf("the history is %v, %v; want one entry", entries, err)
	}
}

// A database that is ahead is left alone, and the answer says what to do.
func TestUpOnNewerSchema(t *testing.T) {
	db := open(t, cluster.Database(t))
	first, second := "CREATE TABLE a (x int);", "CREATE TABLE b (x int);"
	if _, err := up(t.Context(), db, files(first, second), patient, discard()); err != nil {
		t.Fatal(err)
	}
	_, err := up(t.Context(), db, files(first), patient, discard())
	if migration.ExitCode(err) != migration.ExitHistory || !strings.Contains(err.Error(), "0002_change.sql was applied by a newer release") {
		t.Errorf("Up: got %v, want a refusal that names 0002_change.sql", err)
	}
}

// A URL that cannot work is refused with what it takes and without its password.
func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"mysql://user:hunter2@host/db", "must be postgres or sqlite"},
		{"::hunter2", "cannot be parsed"},
		{"postgres://user:hunter2@host/db?sslmode=x", "TLS"},
		{"postgres://user@host/db?Password=hunter2&sslmode=x", "TLS"},
		{"postgres://user@host/db?password=`: hunter2", "URL"},
		{"sqlite://playbook.db", "absolute path"},
		{"sqlite://folder/playbook.db", "absolute path"},
		{"sqlite:playbook.db", "absolute path"},
		{"sqlite://", "absolute path"},
	} {
		_, err := database.Open(test.url)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want an error with %q and without the password", test.url, err, test.want)
		}
	}
}

// The driver hands over what goose and the tests read: numbers, truth, times,
// text and nothing.
func TestDriver(t *testing.T) {
	db := open(t, cluster.Database(t))
	at := time.Date(2026, 3, 4, 5, 6, 7, 890000000, time.UTC)
	var number int64
	var truth bool
	var stamp, zoned, odd time.Time
	var text string
	var nothing sql.NullString
	err := db.QueryRowContext(t.Context(),
		`SELECT $1::bigint, $2::bool, $3::timestamptz AT TIME ZONE 'UTC', $3::timestamptz, $4::text, $5::text, '2026-03-04 05:06:07.89'::timestamp AT TIME ZONE 'UTC'`,
		int64(-5), true, at, "a 'b' 疎", nil).Scan(&number, &truth, &stamp, &zoned, &text, &nothing, &odd)
	if err != nil {
		t.Fatal(err)
	}
	if number != -5 || !truth || !stamp.Equal(at) || !zoned.Equal(at) || !odd.Equal(at) || text != "a 'b' 疎" || nothing.Valid {
		t.Errorf("got %v %v %v %v %v %q %v", number, truth, stamp, zoned, odd, text, nothing)
	}
}

// A transaction in which a statement failed must not look committed.
func TestDriverFailedCommit(t *testing.T) {
	db := open(t, cluster.Database(t))
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "SELECT nonsense"); err == nil {
		t.Fatal("a statement that cannot work did")
	}
	if err := tx.Commit(); err == nil {
		t.Error("Commit: got no error")
	}
}

// Rolled-back changes are gone, committed ones stay.
func TestDriverTransactions(t *testing.T) {
	ctx, db := t.Context(), open(t, cluster.Database(t))
	if _, err := db.ExecContext(ctx, "CREATE TABLE a (x int)"); err != nil {
		t.Fatal(err)
	}
	for _, commit := range []bool{false, true} {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		result, err := tx.ExecContext(ctx, "INSERT INTO a SELECT generate_series(1, $1)", 3)
		if err != nil {
			t.Fatal(err)
		}
		if count, err := result.RowsAffected(); err != nil || count != 3 {
			t.Errorf("RowsAffected: got %d, %v; want 3", count, err)
		}
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	var count int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM a").Scan(&count); err != nil || count != 3 {
		t.Errorf("the table has %d rows (%v), want 3", count, err)
	}
}
