package postgrestest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Pooler starts PgBouncer in front of a database, in one of its modes ("session",
// "transaction"), and returns the database's URL through it. It ends with the
// test. Without PgBouncer on the machine the test is skipped, or fails when
// RequireVariable is set to 1.
func (c *Cluster) Pooler(t testing.TB, databaseURL, mode string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		// Debian keeps it where only root looks.
		program, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		if os.Getenv(RequireVariable) == "1" {
			t.Fatalf("no PgBouncer is installed, and %s is 1", RequireVariable)
		}
		t.Skip("no PgBouncer is installed; install it to run this test")
	}
	target, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp(c.server.folder, "pooler")
	if err != nil {
		t.Fatalf("making a folder for the pooler: %v", err)
	}
	// With auth_type any all clients are one user of the server.
	settings := fmt.Sprintf("[databases]\n* = user=postgres host=%s\n\n[pgbouncer]\nlisten_port = 6432\nunix_socket_dir = %s\nauth_type = any\npool_mode = %s\n",
		c.server.sockets, folder, mode)
	file := filepath.Join(folder, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(settings), 0o644); err != nil {
		t.Fatalf("writing the pooler's settings: %v", err)
	}
	if err := c.server.user.own(folder); err != nil {
		t.Fatalf("giving the pooler's folder away: %v", err)
	}
	var output bytes.Buffer
	pooler := exec.Command(program, file)
	pooler.Dir, pooler.Env, pooler.SysProcAttr = folder, environment(), c.server.user.attributes()
	pooler.Stdout, pooler.Stderr = &output, &output
	s := &Server{output: &output, done: make(chan struct{})}
	if err := s.run(pooler); err != nil {
		t.Fatalf("starting the pooler: %v", err)
	}
	t.Cleanup(func() {
		_ = s.process.Kill() // it keeps nothing
		<-s.done
	})
	through := *target
	query := through.Query()
	query.Set("host", folder)
	query.Set("port", "6432")
	through.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		conn, err := pgconn.Connect(ctx, through.String())
		if err == nil {
			_ = conn.Close(ctx) // it answered
			return through.String()
		}
		select {
		case <-s.done:
			t.Fatalf("the pooler ended: %s", &output)
		case <-ctx.Done():
			t.Fatalf("the pooler does not answer: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
