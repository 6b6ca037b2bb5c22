package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/relay"
)

// Of twenty runners that start at once one applies each migration and all
// succeed, also where an index is made without a transaction: none of those that
// wait keeps the one at work waiting.
func TestTwentyAtOnce(t *testing.T) {
	databaseURL := cluster.Database(t)
	const runners, files = 20, 5
	var group sync.WaitGroup
	logs := make([]*bytes.Buffer, runners)
	for i := range runners {
		cmd, log := process(t.Context(), migrations(t), databaseURL)
		logs[i] = log
		group.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Errorf("runner %d: %v:\n%s", i, err, log)
			}
		})
	}
	group.Wait()
	applied := map[string]int{}
	for _, log := range logs {
		for line := range bytes.Lines(log.Bytes()) {
			var entry struct{ Msg, File string }
			if json.Unmarshal(line, &entry) == nil && entry.Msg == "migration applied" {
				applied[entry.File]++
			}
		}
	}
	for file, times := range applied {
		if times != 1 {
			t.Errorf("%s was applied %d times", file, times)
		}
	}
	if len(applied) != files {
		t.Errorf("%d migrations were applied, want %d", len(applied), files)
	}
}

// undisturbed returns what a database looks like that one run migrated, and how
// long that took.
func undisturbed(t *testing.T) (string, time.Duration) {
	t.Helper()
	databaseURL := cluster.Database(t)
	begin := time.Now()
	code, _, log := migrate(t, migrations(t), databaseURL)
	took := time.Since(begin)
	if code != 0 {
		t.Fatalf("the exit code is %d:\n%s", code, log)
	}
	return dump(t, databaseURL), took
}

// settled waits until no session of a runner is left, and fails when one keeps
// the lock.
func settled(t *testing.T, databaseURL string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		left := query[int](t, databaseURL, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d migration locks are left", left)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Runners that are killed at random moments leave nothing that keeps the next
// one from bringing the database to where an undisturbed run brings it.
func TestKilled(t *testing.T) {
	long.Test(t)
	const kills, perDatabase = 200, 5
	want, took := undisturbed(t)
	started, killed := 0, 0
	for killed < kills {
		databaseURL := cluster.Database(t)
		for range perDatabase {
			cmd, _ := process(t.Context(), migrations(t), databaseURL)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(rand.N(took / 2))
			_ = cmd.Process.Kill() // it may have ended
			started++
			if cmd.Wait() != nil {
				killed++
			}
		}
		code, _, log := migrate(t, migrations(t), databaseURL)
		if code != 0 {
			t.Fatalf("after %d kills: the exit code is %d:\n%s", killed, code, log)
		}
		if diff := cmp.Diff(want, dump(t, databaseURL)); diff != "" {
			t.Fatalf("after %d kills the database differs (-undisturbed +killed):\n%s", killed, diff)
		}
		settled(t, databaseURL)
	}
	t.Logf("%d of %d runners were killed before they ended; an undisturbed run takes %s", killed, started, took.Round(time.Millisecond))
}

// A runner whose connections break goes on by itself.
func TestConnectionCut(t *testing.T) {
	long.Test(t)
	want, took := undisturbed(t)
	cut := 0
	for range 10 {
		databaseURL := cluster.Database(t)
		r, relayed, err := relay.Postgres(databaseURL)
		if err != nil {
			t.Fatal(err)
		}
		cmd, log := process(t.Context(), migrations(t), relayed)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(took))
		r.Cut()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v:\n%s", err, log)
		}
		cut += strings.Count(log.String(), "the connection broke")
		r.Close()
		if diff := cmp.Diff(want, dump(t, databaseURL)); diff != "" {
			t.Errorf("the database differs (-undisturbed +disturbed):\n%s\n%s", diff, log)
		}
		settled(t, databaseURL)
	}
	t.Logf("%d of 10 runs lost their session and went on", cut)
	if cut == 0 {
		t.Error("no connection was cut while it was in use")
	}
}

// A runner whose server crashes and comes back goes on by itself.
func TestServerRestarted(t *testing.T) {
	long.Test(t)
	want, took := undisturbed(t)
	restarted := 0
	for range 5 {
		databaseURL := cluster.Database(t)
		cmd, log := process(t.Context(), migrations(t), databaseURL)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(took))
		back := cluster.Crash(t)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v:\n%s", err, log)
		}
		back()
		restarted += strings.Count(log.String(), "the connection broke")
		if diff := cmp.Diff(want, dump(t, databaseURL)); diff != "" {
			t.Errorf("the database differs (-undisturbed +disturbed):\n%s\n%s", diff, log)
		}
	}
	t.Logf("%d of 5 runs lost their session and went on", restarted)
}

// A runner that is killed in the middle of a long statement frees the lock, and
// its statement ends.
func TestKilledInStatement(t *testing.T) {
	long.Test(t)
	t.Parallel()
	databaseURL := cluster.Database(t)
	folder := folderWith(t, map[string]string{"0001_a.sql": change("SELECT pg_sleep(60);", "")})
	cmd, _ := process(t.Context(), folder, databaseURL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'"
	await(t, func() bool { return query[int](t, databaseURL, sleeping) == 1 }, "the migration never ran")
	begin := time.Now()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	await(t, func() bool {
		return query[int](t, databaseURL, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
	}, "the lock is still held")
	if running := query[int](t, databaseURL, sleeping); running != 0 {
		t.Error("the lock is free while the statement still runs")
	}
	t.Logf("the lock was free %s after the runner was killed", time.Since(begin).Round(10*time.Millisecond))
}

// await waits until something holds.
func await(t *testing.T, holds func() bool, failure string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(failure)
		}
	}
}

// SIGTERM ends a run with the code that says that running again is safe, and the
// statement with it.
func TestInterrupted(t *testing.T) {
	databaseURL := cluster.Database(t)
	folder := folderWith(t, map[string]string{"0001_a.sql": change("CREATE TABLE a (x int); SELECT pg_sleep(60);", "")})
	cmd, log := process(t.Context(), folder, databaseURL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		return query[int](t, databaseURL, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'") == 1
	}, "the migration never ran")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != migration.ExitInterrupted {
		t.Errorf("got %v, want exit code %d:\n%s", err, migration.ExitInterrupted, log)
	}
	if tables := query[int](t, databaseURL, "SELECT count(*) FROM pg_tables WHERE tablename = 'a'"); tables != 0 {
		t.Error("the table of the interrupted migration is there")
	}
}

// A database that comes up late is waited for, one that never does is given up
// with a code of its own.
func TestUnreachable(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd, log := process(ctx, migrations(t), "postgres:///db?user=u&host="+t.TempDir())
	cmd.Env = append(cmd.Env, "DATABASE_WAIT=500ms")
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != migration.ExitUnreachable || !strings.Contains(log.String(), "waiting for the database") {
		t.Errorf("got %v, want exit code %d:\n%s", err, migration.ExitUnreachable, log)
	}
}
