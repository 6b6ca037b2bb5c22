package postgres_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres"
	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres/databasetest"
	"github.com/soketsugo/soketsugo/libs/playbook/store/storetest"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
)

var cluster = postgrestest.Cluster{Prepare: databasetest.Prepare}

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// The store does what every store must do, as a role for which the policies hold.
func TestConformance(t *testing.T) {
	long.Test(t)
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return open(t, databasetest.As(t, cluster.Database(t), databasetest.Server))
	})
}

// A thousand repetitions of one event are applied once.
func TestThousandEvents(t *testing.T) { storetest.ThousandEvents(t, open(t, cluster.Database(t))) }

// An event amid completions leaves nothing to do. TestEventDuringCompletion has the one
// order that matters.
func TestEventAmidCompletions(t *testing.T) {
	storetest.EventAmidCompletions(t, open(t, cluster.Database(t)))
}

// The schema is too old until the migrations are there, and new enough ever after.
func TestCheckSchema(t *testing.T) {
	databaseURL := cluster.Database(t)
	store := open(t, databaseURL)
	admin, err := pgconn.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.WithoutCancel(t.Context()))
	for _, step := range []struct {
		statement string
		ready     bool
	}{
		{"SELECT 1", true},
		{"INSERT INTO soketsugo_migrations (version, name, checksum) VALUES (9999, '9999_later.sql', '')", true},
		{"DELETE FROM soketsugo_migrations", false},
		{"DROP TABLE soketsugo_migrations", false},
	} {
		if _, err := admin.Exec(t.Context(), step.statement).ReadAll(); err != nil {
			t.Fatal(err)
		}
		err := store.CheckSchema(t.Context())
		if (err == nil) != step.ready || err != nil && (domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "run migrate")) {
			t.Errorf("after %s: got %v, want ready = %v", step.statement, err, step.ready)
		}
	}
}

// A server that is away makes calls fail as unavailable, not the opening.
func TestUnavailable(t *testing.T) {
	store, err := postgres.Open("postgres:///nothing?user=nobody&host=" + t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.CheckSchema(t.Context()); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("Check: got kind %v (%v), want %v", domain.KindOf(err), err, domain.Unavailable)
	}
	if _, err := store.Playbook(t.Context(), workspace, "0190b0a4-7c3e-7b1a-8f1e-000000000000"); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("Playbook: got kind %v (%v), want %v", domain.KindOf(err), err, domain.Unavailable)
	}
}

// A URL that cannot be used is refused without showing its password.
func TestOpenHidesPassword(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://user:hunter2@localhost/db?pool_max_conns=many": "pool_max_conns",
		"postgres://user@localhost/db?password=hunter2&sslmode=x":  "TLS",
		"postgres://user@localhost/db?Password=hunter2&sslmode=x":  "TLS",
		"postgres://user@localhost/db?password=`: hunter2":         "URL",
	} {
		_, err := postgres.Open(url)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open: got %v, want an error about %s without the password", err, want)
		}
	}
}

// connect opens a connection beside the store's own.
func connect(t *testing.T, databaseURL string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, conn *pgconn.PgConn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement).ReadAll(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func open(t *testing.T, databaseURL string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

const (
	workspace   = "acme"
	playbookID  = "0190b0a4-7c3e-7b1a-8f1e-000000000001"
	enrolmentID = "0190b0a4-7c3e-7b1a-8f1e-000000000002"
)

func createActive(t *testing.T, store *postgres.Store) domain.Playbook {
	t.Helper()
	playbook, err := domain.NewPlaybook(playbookID, domain.Draft{Name: "n", Steps: []domain.Step{{Kind: domain.StepCall, Title: "t"}}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if playbook, err = playbook.Activate(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := store.CreatePlaybook(t.Context(), workspace, playbook); err != nil {
		t.Fatal(err)
	}
	return playbook
}

// An enrolment waits for somebody who is changing its playbook, and is refused
// when the change is committed.
func TestEnrolmentDuringUpdate(t *testing.T) {
	databaseURL := cluster.Database(t)
	store := open(t, databaseURL)
	playbook := createActive(t, store)
	enrolment, err := domain.Enrol(enrolmentID, playbook, "c", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other := connect(t, databaseURL)
	run(t, other, "BEGIN; UPDATE playbooks SET state = 'ARCHIVED', revision = revision + 1")
	enrolled := make(chan error, 1)
	go func() {
		enrolled <- store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment, playbook))
	}()
	select {
	case err := <-enrolled:
		t.Errorf("CreateEnrolment did not wait: %v", err)
	case <-time.After(300 * time.Millisecond):
		run(t, other, "COMMIT")
		if err := <-enrolled; domain.KindOf(err) != domain.Conflict {
			t.Errorf("CreateEnrolment: got kind %v (%v), want %v", domain.KindOf(err), err, domain.Conflict)
		}
	}
}

// A server that cuts a statement off is unavailable, however it does so. The
// caller's own deadline is the caller's business.
func TestInterruptedStatement(t *testing.T) {
	long.Test(t)
	for _, test := range []struct {
		name string
		cut  func(t *testing.T, other *pgconn.PgConn)
		// caller and store say how long each of them waits.
		caller, store time.Duration
		want          domain.Kind
	}{
		{"by an operator", func(t *testing.T, other *pgconn.PgConn) {
			run(t, other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
		}, time.Minute, time.Minute, domain.Unavailable},
		{"by a lack of answers", func(*testing.T, *pgconn.PgConn) {}, time.Minute, time.Second, domain.Unavailable},
		{"by the caller", func(*testing.T, *pgconn.PgConn) {}, time.Second, time.Minute, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			databaseURL := cluster.Database(t)
			store := open(t, databaseURL)
			playbook := createActive(t, store)
			other := connect(t, databaseURL)
			run(t, other, "BEGIN; LOCK TABLE playbooks")
			postgres.SetPatience(store, test.store)
			ctx, cancel := context.WithTimeout(t.Context(), test.caller)
			defer cancel()
			read := make(chan error, 1)
			go func() {
				_, err := store.Playbook(ctx, workspace, playbook.ID)
				read <- err
			}()
			time.Sleep(300 * time.Millisecond)
			test.cut(t, other)
			if err := <-read; err == nil || domain.KindOf(err) != test.want {
				t.Errorf("Playbook: got kind %v (%v), want %v", domain.KindOf(err), err, test.want)
			}
		})
	}
}

// A connection that breaks in the middle of an answer is unavailable.
func TestBrokenConnection(t *testing.T) {
	socket := filepath.Join(t.TempDir(), ".s.PGSQL.5432")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Skipf("listening: %v", err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// It lets everybody in, takes one message and hangs up.
			server := pgproto3.NewBackend(conn, conn)
			_, _ = server.ReceiveStartupMessage()
			server.Send(&pgproto3.AuthenticationOk{})
			server.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			_ = server.Flush()
			_, _ = server.Receive()
			conn.Close()
		}
	}()
	store := open(t, "postgres:///d?sslmode=disable&user=u&host="+filepath.Dir(socket))
	if err := store.CheckSchema(t.Context()); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("Check: got kind %v (%v), want %v", domain.KindOf(err), err, domain.Unavailable)
	}
}

// The pool heals by itself, and the URL has the last word about it.
func TestConfig(t *testing.T) {
	for _, test := range []struct {
		query               string
		connect, life, idle time.Duration
		most                int
	}{
		{"", 5 * time.Second, 15 * time.Minute, 5 * time.Minute, max(4, runtime.NumCPU())},
		{"?connect_timeout=2&pool_max_conn_lifetime=1h&pool_max_conn_idle_time=1m&pool_max_conns=3", 2 * time.Second, time.Hour, time.Minute, 3},
	} {
		config, err := postgres.Config("postgres://h/d" + test.query)
		if err != nil {
			t.Fatal(err)
		}
		pool := config.Pool
		if config.ConnectTimeout != test.connect || pool.MaxConnLifetime != test.life || pool.MaxConnIdleTime != test.idle || pool.MaxConns != test.most {
			t.Errorf("%q: got %s to connect, %s of life, %s idle, %d connections; want %s, %s, %s, %d", test.query,
				config.ConnectTimeout, pool.MaxConnLifetime, pool.MaxConnIdleTime, pool.MaxConns, test.connect, test.life, test.idle, test.most)
		}
	}
}

// A pool that is busy is not a database that is away, and one that gets no
// answers is.
func TestPingBusy(t *testing.T) {
	for _, test := range []struct {
		name      string
		statement string
		fails     bool
	}{
		{"the database answers others", "SELECT pg_sleep(0.05)", false},
		{"the database answers nobody", "SELECT pg_sleep(60)", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := open(t, cluster.Database(t)+"&pool_max_conns=1")
			ctx, cancel := context.WithCancel(t.Context())
			var busy sync.WaitGroup
			for range 4 {
				busy.Go(func() {
					for ctx.Err() == nil {
						_, _ = postgres.DB(store).ExecContext(ctx, test.statement) // it fails at the end
					}
				})
			}
			time.Sleep(100 * time.Millisecond)
			limited, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer stop()
			// A ping may get its turn, and is answered then.
			if err := store.Ping(limited); (err != nil) != test.fails {
				t.Errorf("Ping: got %v, want an error = %v", err, test.fails)
			}
			if open, inUse, most, waits := store.Pool(); open != 1 || inUse != 1 || most != 1 || waits == 0 {
				t.Errorf("Pool: got %d open, %d in use, %d at most, %d waits; want 1, 1, 1, some", open, inUse, most, waits)
			}
			cancel()
			busy.Wait()
		})
	}
}

// Closing waits a moment for what is in use, and no longer.
func TestClose(t *testing.T) {
	long.Test(t)
	for _, test := range []struct {
		seconds string
		least   time.Duration
		ends    bool
	}{
		{"0.3", 100 * time.Millisecond, true},
		{"60", 900 * time.Millisecond, false},
	} {
		store, err := postgres.Open(cluster.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := postgres.DB(store).ExecContext(ctx, "SELECT pg_sleep("+test.seconds+")")
			ended <- err
		}()
		time.Sleep(100 * time.Millisecond)
		begin := time.Now()
		store.Close()
		if took := time.Since(begin); took < test.least || took > 10*time.Second {
			t.Errorf("closing during a statement of %s s took %s, want %s or a little more", test.seconds, took, test.least)
		}
		if !test.ends {
			cancel()
		}
		if err := <-ended; (err == nil) != test.ends {
			t.Errorf("the statement of %s s ended with %v", test.seconds, err)
		}
		cancel()
	}
}
