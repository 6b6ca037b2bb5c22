package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/soketsugo/soketsugo/libs/pgsql"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres"
	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres/databasetest"
	"github.com/soketsugo/soketsugo/libs/playbook/store/storetest"
	"github.com/soketsugo/soketsugo/libs/testing/long"
)

// A crowd is no problem.
func TestCrowd(t *testing.T) {
	storetest.Crowd(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return open(t, databasetest.As(t, cluster.Database(t), databasetest.Server))
	})
}

// tables returns the tables of the service, all of which have rows of a
// workspace.
func tables(t *testing.T, conn *pgconn.PgConn) []string {
	t.Helper()
	results, err := conn.Exec(t.Context(), "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range results[0].Rows {
		if name := string(row[0]); name != "soketsugo_migrations" {
			names = append(names, name)
		}
	}
	return names
}

// Every table has a policy, which is not for some commands or roles only, and holds
// for the owner too.
func TestEveryTableHasAPolicy(t *testing.T) {
	conn := connect(t, cluster.Database(t))
	all := tables(t, conn)
	if !slices.Contains(all, "playbooks") || !slices.Contains(all, "enrolments") {
		t.Fatalf("the tables are %q", all)
	}
	results, err := conn.Exec(t.Context(), `SELECT relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
		WHERE relrowsecurity AND relforcerowsecurity AND polpermissive AND polcmd = '*' AND polroles = '{0}'
		AND pg_get_expr(polqual, polrelid) = '(workspace = current_setting(''playbook.workspace''::text, true))'
		GROUP BY relname HAVING count(*) = 1 ORDER BY relname`).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var fenced []string
	for _, row := range results[0].Rows {
		fenced = append(fenced, string(row[0]))
	}
	if !slices.Equal(all, fenced) {
		t.Errorf("the tables are %q, those with the policy %q", all, fenced)
	}
}

// Without the setting there are no rows, whoever asks and whatever the statement
// says, the owner of the tables included; with that of another workspace its rows
// alone; and what is written must be of the workspace.
func TestPolicies(t *testing.T) {
	databaseURL := cluster.Database(t)
	store := open(t, databaseURL)
	playbook := createActive(t, store)
	enrolment, err := domain.Enrol(enrolmentID, playbook, "c", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment, playbook)); err != nil {
		t.Fatal(err)
	}
	admin := connect(t, databaseURL)
	all := tables(t, admin)
	for _, table := range all {
		run(t, admin, "ALTER TABLE "+table+" OWNER TO "+databasetest.Owner)
	}
	for _, role := range []string{databasetest.Server, databasetest.Owner} {
		t.Run(role, func(t *testing.T) {
			conn := connect(t, databasetest.As(t, databaseURL, role))
			count := func(table, setting string) string {
				t.Helper()
				run(t, conn, "BEGIN; SELECT set_config('playbook.workspace', '"+setting+"', true)")
				results, err := conn.Exec(t.Context(), "SELECT count(*) FROM "+table+"; COMMIT").ReadAll()
				if err != nil {
					t.Fatal(err)
				}
				return string(results[0].Rows[0][0])
			}
			for _, table := range all {
				// The setting was never made on this connection, is empty, or another's.
				results, err := conn.Exec(t.Context(), "SELECT count(*) FROM "+table).ReadAll()
				if err != nil {
					t.Fatal(err)
				}
				if got := string(results[0].Rows[0][0]); got != "0" {
					t.Errorf("%s has %s rows without the setting, want none", table, got)
				}
				for _, setting := range []string{"", "rival"} {
					if got := count(table, setting); got != "0" {
						t.Errorf("%s has %s rows for %q, want none", table, got, setting)
					}
				}
			}
			if got := count("enrolments", workspace); got != "1" {
				t.Errorf("enrolments has %s rows for its workspace, want 1", got)
			}
			for _, test := range []struct{ statement, tag, code string }{
				{"UPDATE playbooks SET name = 'x'", "UPDATE 0", ""},
				{"DELETE FROM enrolments", "DELETE 0", ""},
				{"INSERT INTO playbooks SELECT 'rival', gen_random_uuid(), 'n', '', '[]', 'DRAFT', 1, now(), now()", "", "42501"},
				{"SELECT set_config('playbook.workspace', 'acme', true); UPDATE playbooks SET workspace = 'rival'", "", "42501"},
				{"SELECT set_config('playbook.workspace', 'acme', true); INSERT INTO playbooks SELECT 'rival', gen_random_uuid(), 'n', '', '[]', 'DRAFT', 1, now(), now()", "", "42501"},
				{"SELECT set_config('playbook.workspace', 'acme', true); INSERT INTO playbooks SELECT 'acme', gen_random_uuid(), 'n', '', '[]', 'DRAFT', 1, now(), now()", "INSERT 0 1", ""},
			} {
				results, err := conn.Exec(t.Context(), test.statement).ReadAll()
				var refused string
				var tag string
				if pgErr, ok := err.(*pgconn.PgError); ok {
					refused = pgErr.Code
				} else if len(results) > 0 {
					tag = results[len(results)-1].CommandTag.String()
				}
				if refused != test.code || tag != test.tag {
					t.Errorf("%s: got %s, %v; want %s, %s", test.statement, tag, err, test.tag, test.code)
				}
			}
			// A session can shut itself out, but not the store's own fence.
			if _, err := conn.Exec(t.Context(), "SET row_security = off; SELECT count(*) FROM playbooks").ReadAll(); err == nil || !strings.Contains(err.Error(), "42501") {
				t.Errorf("with row_security off: got %v, want that it is refused", err)
			}
		})
	}
}

// The fence is one of the database's: a store that forgot to name the workspace
// would still see no other.
func TestPolicyWithoutWhere(t *testing.T) {
	databaseURL := cluster.Database(t)
	store := open(t, databasetest.As(t, databaseURL, databasetest.Server))
	createActive(t, store)
	for _, test := range []struct {
		ctx  context.Context
		want int
	}{
		{t.Context(), 0},
		{pgsql.WithLocal(t.Context(), "playbook.workspace", "rival"), 0},
		{pgsql.WithLocal(t.Context(), "playbook.workspace", workspace), 1},
		{t.Context(), 0},
	} {
		var count int
		if err := postgres.DB(store).QueryRowContext(test.ctx, "SELECT count(*) FROM playbooks").Scan(&count); err != nil || count != test.want {
			t.Errorf("got %d, %v; want %d", count, err, test.want)
		}
	}
}

// What the server gives up because of others runs again, a few times, and then the
// caller learns it.
func TestRetries(t *testing.T) {
	for _, test := range []struct {
		failures int
		code     string
		want     domain.Kind
	}{
		{2, "40001", 0},
		{2, "40P01", 0},
		{100, "40001", domain.Conflict},
		{100, "40P01", domain.Conflict},
	} {
		t.Run(fmt.Sprintf("%d times %s", test.failures, test.code), func(t *testing.T) {
			databaseURL := cluster.Database(t)
			store := open(t, databaseURL)
			run(t, connect(t, databaseURL), fmt.Sprintf(`CREATE SEQUENCE attempts;
				CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF nextval('attempts') <= %d THEN RAISE EXCEPTION USING ERRCODE = '%s', MESSAGE = 'others'; END IF;
					RETURN NEW;
				END $$;
				CREATE TRIGGER fail BEFORE INSERT ON playbooks FOR EACH ROW EXECUTE FUNCTION fail()`, test.failures, test.code))
			playbook, err := domain.NewPlaybook(playbookID, domain.Draft{Name: "n"}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if err := store.CreatePlaybook(t.Context(), workspace, playbook); domain.KindOf(err) != test.want || (err == nil) != (test.want == 0) {
				t.Errorf("CreatePlaybook: got kind %v (%v), want %v", domain.KindOf(err), err, test.want)
			}
		})
	}
}

// A transaction that the server gives up, since it and another one wait for each
// other, runs again, and both end well.
func TestDeadlock(t *testing.T) {
	long.Test(t)
	databaseURL := cluster.Database(t)
	store := open(t, databaseURL+"&options=-c%20deadlock_timeout%3D2s")
	playbook := createActive(t, store)
	enrolment, err := domain.Enrol(enrolmentID, playbook, "c", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	// The store waits at the gate with its lock on the playbook, and the other one
	// then for that lock. The other one never looks for deadlocks.
	other := connect(t, databaseURL)
	run(t, other, `CREATE TABLE gate (id int); INSERT INTO gate VALUES (1); CREATE SEQUENCE attempts;
		CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('attempts') FROM gate FOR UPDATE; RETURN NEW; END $$;
		CREATE TRIGGER pass BEFORE INSERT ON enrolments FOR EACH ROW EXECUTE FUNCTION pass();
		SET deadlock_timeout = '1min'`)
	run(t, other, "BEGIN; SELECT FROM gate FOR UPDATE")
	enrolled := make(chan error, 1)
	go func() {
		enrolled <- store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment, playbook))
	}()
	admin := connect(t, databaseURL)
	waitFor(t, admin, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "1")
	run(t, other, "UPDATE playbooks SET name = 'x'; COMMIT")
	if err := <-enrolled; err != nil {
		t.Errorf("CreateEnrolment: %v", err)
	}
	// More than two where the other one was not as quick as the next attempt.
	waitFor(t, admin, "SELECT last_value > 1 FROM attempts", "t")
}

// waitFor waits until a query has an answer.
func waitFor(t *testing.T, conn *pgconn.PgConn, query, want string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		results, err := conn.Exec(t.Context(), query).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if string(results[0].Rows[0][0]) == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not %s", query, want)
		}
	}
}

// A deadline of the caller reaches the server: the statement ends there, it is not
// merely waited for no more.
func TestDeadlineReachesTheServer(t *testing.T) {
	databaseURL := cluster.Database(t)
	store := open(t, databaseURL)
	createActive(t, store)
	other := connect(t, databaseURL)
	run(t, other, "BEGIN; LOCK TABLE playbooks")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := store.Playbook(ctx, workspace, playbookID)
	if took := time.Since(begin); ctx.Err() == nil || domain.KindOf(err) != 0 || err == nil || took > 3*time.Second {
		t.Errorf("Playbook: got %v after %s, want the caller's deadline", err, took)
	}
	waitFor(t, other, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()", "0")
}
