package pgsql_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/soketsugo/soketsugo/libs/pgsql"
)

// A statement that has to go to make room goes on the server too, when the context
// of the statement that needs the room has ended.
func TestForgetAfterContext(t *testing.T) {
	db := open(t, database(t), one(1))
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		ctx   context.Context
		query string
		want  error
	}{
		{t.Context(), "SELECT $1::int8", nil},
		{ended, "SELECT $1::int4", context.Canceled},
		{t.Context(), "SELECT $1::int8", nil},
	} {
		var got int
		if err := conn.QueryRowContext(test.ctx, test.query, 1).Scan(&got); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.query, err, test.want)
		}
	}
}

// A statement that the server has and the connection does not know of is taken
// back, and its query runs: at once, or after the transaction in which it failed.
func TestUnknownStatement(t *testing.T) {
	for _, query := range []string{"SELECT $1::int8", "SELECT set_config($1, $2, true)"} {
		ctx := pgsql.WithLocal(t.Context(), "test.name", "a")
		databaseURL := cluster.Database(t)
		use := func(on interface {
			QueryRowContext(context.Context, string, ...any) *sql.Row
		}) error {
			var got int
			return on.QueryRowContext(ctx, "SELECT $1::int8", 1).Scan(&got)
		}
		db := open(t, databaseURL, one(4))
		if err := use(db); err != nil {
			t.Fatal(err)
		}
		var name string
		if err := db.QueryRowContext(t.Context(), "SELECT name FROM pg_prepared_statements WHERE statement = $1", query).Scan(&name); err != nil {
			t.Fatal(err)
		}
		for _, inTransaction := range []bool{false, true} {
			db := open(t, databaseURL, one(4))
			exec(t, db, "PREPARE "+name+" AS SELECT 1")
			if inTransaction {
				tx, err := db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := use(tx); code(err) != "42P05" {
					t.Errorf("%s in a transaction: got %v, want 42P05", query, err)
				}
				if err := tx.Rollback(); err != nil {
					t.Fatal(err)
				}
			}
			if err := use(db); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
	}
}

// A statement that fails while it runs is not run again, whatever the code: a
// procedure may have committed before.
func TestRunsOnce(t *testing.T) {
	for _, body := range []string{
		"RAISE EXCEPTION SQLSTATE '26000'",
		"RAISE EXCEPTION SQLSTATE '42804'",
		"RAISE EXCEPTION SQLSTATE '42883'",
		"PERFORM no_such_function()",
		"UPDATE runs SET count = 'x'::text",
		"EXECUTE 'EXECUTE no_such_statement'",
	} {
		db := open(t, cluster.Database(t), one(4))
		exec(t, db, "CREATE TABLE runs (count int); INSERT INTO runs VALUES (0)")
		exec(t, db, "CREATE PROCEDURE run(fails bool) LANGUAGE plpgsql AS $$ BEGIN UPDATE runs SET count = count + 1; COMMIT; IF fails THEN "+body+"; END IF; END $$")
		exec(t, db, "CALL run($1)", false)
		if _, err := db.ExecContext(t.Context(), "CALL run($1)", true); err == nil {
			t.Errorf("%s: the procedure did not fail", body)
		}
		var count int
		if err := db.QueryRowContext(t.Context(), "SELECT count FROM runs").Scan(&count); err != nil || count != 2 {
			t.Errorf("%s: it ran %d times (%v), want 2", body, count, err)
		}
	}
}

// A statement that the server has parsed and not described is taken back.
func TestHalfPrepared(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	got := make(chan []any, 1)
	go func() { got <- failToDescribe(listener) }()
	db := open(t, "postgres://u@"+listener.Addr().String()+"/d?sslmode=disable", one(4))
	if _, err := db.QueryContext(t.Context(), "SELECT $1::int8", 1); code(err) != "57014" {
		t.Errorf("got %v, want 57014", err)
	}
	_ = db.Close()
	want := []any{&pgproto3.Parse{}, &pgproto3.Describe{}, &pgproto3.Sync{}, &pgproto3.Close{}, &pgproto3.Sync{}, &pgproto3.Terminate{}}
	if got := <-got; !reflect.DeepEqual(kinds(got), kinds(want)) {
		t.Errorf("got %q, want %q", kinds(got), kinds(want))
	}
}

func kinds(messages []any) []string {
	var kinds []string
	for _, message := range messages {
		kinds = append(kinds, reflect.TypeOf(message).String())
	}
	return kinds
}

// failToDescribe serves one client as a server that fails to describe what it has
// parsed, and returns what the client sent.
func failToDescribe(listener net.Listener) []any {
	client, err := listener.Accept()
	if err != nil {
		return nil
	}
	defer client.Close()
	server := pgproto3.NewBackend(client, client)
	if _, err := server.ReceiveStartupMessage(); err != nil {
		return nil
	}
	server.Send(&pgproto3.AuthenticationOk{})
	server.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	var received []any
	for server.Flush() == nil {
		message, err := server.Receive()
		if err != nil {
			break
		}
		received = append(received, message)
		switch message.(type) {
		case *pgproto3.Parse:
			server.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			server.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "57014"})
		case *pgproto3.Close:
			server.Send(&pgproto3.CloseComplete{})
		case *pgproto3.Sync:
			server.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
	}
	return received
}
