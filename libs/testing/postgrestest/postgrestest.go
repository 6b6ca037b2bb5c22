// Package postgrestest gives tests a throw-away PostgreSQL server: a cluster in
// a temporary folder that only this test binary can reach, through a Unix
// socket.
//
//	var cluster = postgrestest.Cluster{Prepare: createTables}
//
//	func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }
//
//	func TestSomething(t *testing.T) { url := cluster.Database(t) … }
package postgrestest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// RequireVariable names the environment variable that, set to 1, turns "no
// PostgreSQL is installed" from a skipped test into a failed one.
const RequireVariable = "SOKETSUGO_REQUIRE_POSTGRES"

const (
	// startTimeout bounds initdb and the start of the server.
	startTimeout = 60 * time.Second
	// queryTimeout bounds the statements of this package.
	queryTimeout = 30 * time.Second
	template     = "soketsugo_template"
)

// Cluster is a PostgreSQL server that starts when the first test needs it. The
// zero Cluster gives empty databases.
type Cluster struct {
	// Prepare, if not nil, is called once with the URL of a database that all
	// others are then copied from, which is much faster than preparing each.
	Prepare func(ctx context.Context, databaseURL string) error

	once   sync.Once
	server *Server
	err    error

	mu    sync.Mutex
	count int
}

// Run runs a package's tests, stops the server if one was started, and returns
// the exit code.
func (c *Cluster) Run(m *testing.M) int {
	defer func() {
		if c.server != nil {
			c.server.Stop()
		}
	}()
	return m.Run()
}

// Server returns the server. Without a PostgreSQL on the machine the test is
// skipped, or fails when RequireVariable is set to 1.
func (c *Cluster) Server(t testing.TB) *Server {
	t.Helper()
	programs, err := find()
	if err != nil {
		if os.Getenv(RequireVariable) == "1" {
			t.Fatalf("%v, and %s is 1", err, RequireVariable)
		}
		t.Skipf("%v; install it to run this test", err)
	}
	c.once.Do(func() { c.err = c.start(programs) })
	if c.err != nil {
		t.Fatalf("starting PostgreSQL: %v", c.err)
	}
	return c.server
}

// Database returns the URL of a database that no other test uses. The test is
// skipped as with Server.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	server := c.Server(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	name := fmt.Sprintf("test_%d", c.count)
	ctx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	if err := server.exec(ctx, "postgres", fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template)); err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	return server.URL(name)
}

// start starts the server and makes the template. On failure it leaves nothing
// behind.
func (c *Cluster) start(programs programs) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	started, err := startServer(ctx, programs, nil)
	if err != nil {
		return err
	}
	if err := started.exec(ctx, "postgres", "CREATE DATABASE "+template); err != nil {
		started.Stop()
		return fmt.Errorf("creating the template: %w", err)
	}
	if c.Prepare != nil {
		if err := c.Prepare(ctx, started.URL(template)); err != nil {
			started.Stop()
			return fmt.Errorf("preparing the template: %w", err)
		}
	}
	c.server = started
	return nil
}

// URL returns the URL of a database. The socket's folder goes into the query,
// since a host part cannot hold a path.
func (s *Server) URL(database string) string {
	query := url.Values{"host": {s.sockets}, "user": {"postgres"}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: query.Encode()}).String()
}

// Create makes an empty database and returns its URL. The name must be a plain
// identifier. Its commits are waited for, as those of a server with default
// settings are.
func (s *Server) Create(ctx context.Context, name string) (string, error) {
	for _, statement := range []string{"CREATE DATABASE " + name, "ALTER DATABASE " + name + " SET synchronous_commit = on"} {
		if err := s.exec(ctx, "postgres", statement); err != nil {
			return "", fmt.Errorf("creating the database %s: %w", name, err)
		}
	}
	return s.URL(name), nil
}

// Drop removes a database, whoever is connected to it.
func (s *Server) Drop(ctx context.Context, name string) error {
	if err := s.exec(ctx, "postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("dropping the database %s: %w", name, err)
	}
	return nil
}

func (s *Server) exec(ctx context.Context, database, statement string) error {
	conn, err := pgconn.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement).ReadAll()
	return err
}

// Crash makes the server crash, as the kernel's killing of one of its processes
// does, and returns as soon as that has ended all connections. The server comes
// back by itself; back waits for that.
func (c *Cluster) Crash(t testing.TB) (back func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	t.Cleanup(cancel)
	var conns [2]*pgconn.PgConn
	for i := range conns {
		conn, err := pgconn.Connect(ctx, c.server.URL("postgres"))
		if err != nil {
			t.Fatalf("connecting to the server that is to crash: %v", err)
		}
		defer func() { _ = conn.Close(ctx) }() // it is gone
		conns[i] = conn
	}
	if err := syscall.Kill(int(conns[0].PID()), syscall.SIGKILL); err != nil {
		t.Fatalf("killing a process of the server: %v", err)
	}
	// The server ends all others as soon as it has noticed.
	_, _ = conns[1].Exec(ctx, "SELECT pg_sleep(60)").ReadAll()
	return func() {
		if err := c.server.wait(ctx); err != nil {
			t.Fatalf("waiting for the server to come back: %v", err)
		}
	}
}
