package pgsql_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/pgsql"
	"github.com/soketsugo/soketsugo/libs/testing/long"
)

// What is notified on the channel arrives, in order, and nothing else; the end of
// the context ends the wait, and so does the end of the connection.
func TestListen(t *testing.T) {
	long.Test(t)
	db, connector := openConnector(t, cluster.Database(t), pgsql.Config{})
	const channel = `odd "name"; SELECT 1`
	listen := func(ctx context.Context) (payloads chan string, ended chan error) {
		t.Helper()
		listening := make(chan struct{})
		payloads, ended = make(chan string, 10), make(chan error, 1)
		go func() {
			ended <- connector.Listen(ctx, channel, func() { close(listening) }, func(payload string) { payloads <- payload })
		}()
		select {
		case <-listening:
		case err := <-ended:
			t.Fatal(err)
		}
		return payloads, ended
	}
	want := func(payloads <-chan string, want string) {
		t.Helper()
		select {
		case got := <-payloads:
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q did not arrive", want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	payloads, ended := listen(ctx)
	exec(t, db, "SELECT pg_notify('other', 'x'), pg_notify($1, 'a'), pg_notify($1, '')", channel)
	exec(t, db, "SELECT pg_notify($1, 'b ☎')", channel)
	want(payloads, "a")
	want(payloads, "")
	want(payloads, "b ☎")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("after the context, Listen returned %v", err)
	}

	_, ended = listen(t.Context())
	exec(t, db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'")
	select {
	case err := <-ended:
		if err == nil {
			t.Error("after the connection, Listen returned nil")
		}
	case <-time.After(10 * time.Second):
		t.Error("Listen did not notice that its connection ended")
	}
}

// Where nobody answers there is nothing to listen to.
func TestListenToNobody(t *testing.T) {
	_, connector := openConnector(t, "postgres:///nothing?user=nobody&host="+t.TempDir(), pgsql.Config{})
	if err := connector.Listen(t.Context(), "c", func() { t.Error("it listens") }, func(string) {}); err == nil {
		t.Error("Listen returned nil")
	}
}
