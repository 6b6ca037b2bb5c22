package pgreplay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/pgreplay"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
)

var cluster = postgrestest.Cluster{Prepare: func(ctx context.Context, databaseURL string) error {
	return execute(ctx, databaseURL, `CREATE TYPE mood AS ENUM ('calm', 'keen');
		CREATE TABLE things (id int PRIMARY KEY, name text, raw bytea, mood mood, count int NOT NULL DEFAULT 0)`)
}}

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

func execute(ctx context.Context, databaseURL, statements string) error {
	conn, err := pgconn.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statements).ReadAll()
	return err
}

func dial(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func record(t *testing.T, program func(databaseURL string)) (pgreplay.Recording, error) {
	t.Helper()
	recorder, err := pgreplay.Record(t.Context(), cluster.Database(t), "d")
	if err != nil {
		t.Fatal(err)
	}
	program(recorder.URL())
	return recorder.Stop()
}

// everything uses each part of the protocol that is recorded.
func everything(t *testing.T) func(string) {
	return func(databaseURL string) {
		ctx := t.Context()
		conn := dial(t, databaseURL+"&application_name=everything")
		const insert = "INSERT INTO things (id, name, raw, mood) VALUES ($1, $2, $3, $4)"
		for id, name := range []any{"", nil, `\x41`, "疎\n", "a\x01"} {
			if _, err := conn.Exec(ctx, insert, id, name, []byte{0, 255, byte(id)}, "keen"); err != nil {
				t.Error(err)
			}
		}
		if _, err := conn.Exec(ctx, insert, 0, nil, nil, nil); err == nil {
			t.Error("an ID was used twice")
		}
		batch := &pgx.Batch{}
		batch.Queue("UPDATE things SET count = count + 1 WHERE id = $1", 1)
		batch.Queue("SELECT current_setting('application_name'), count FROM things ORDER BY id")
		if err := conn.SendBatch(ctx, batch).Close(); err != nil {
			t.Error(err)
		}
		transaction, err := conn.Begin(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := transaction.Exec(ctx, "DELETE FROM things; SELECT * FROM things"); err != nil {
			t.Error(err)
		}
		if err := transaction.Rollback(ctx); err != nil {
			t.Error(err)
		}
		if _, err := conn.Exec(ctx, "SELECT *, now() FROM things ORDER BY id", pgx.QueryExecModeExec); err != nil {
			t.Error(err)
		}
		if err := conn.Ping(ctx); err != nil {
			t.Error(err)
		}
	}
}

func now(statement string) bool { return strings.Contains(statement, "now()") }

// What was recorded comes out of its file as it was, and the same schema answers
// the same, but for what may vary.
func TestRecordAndReplay(t *testing.T) {
	long.Test(t)
	recording, err := record(t, everything(t))
	if err != nil {
		t.Fatal(err)
	}
	file, err := recording.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := pgreplay.Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(recording, read, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(pgreplay.Answer{})); diff != "" {
		t.Errorf("(-recorded +read):\n%s", diff)
	}
	if got := len(read.Statements()); got != 8 {
		t.Errorf("got %d statements, want 8:\n%s", got, strings.Join(read.Statements(), "\n"))
	}
	if err := read.Replay(t.Context(), "d", cluster.Database(t), now); err != nil {
		t.Error(err)
	}
	if err := read.Replay(t.Context(), "d", cluster.Database(t), nil); err == nil || !strings.Contains(err.Error(), "now()") {
		t.Errorf("got %v, want an error about now()", err)
	}
}

// A statement that may vary in its values still has to have the same columns and
// as many rows.
func TestReplayDifference(t *testing.T) {
	recording, err := record(t, everything(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ change, want string }{
		{"ALTER TABLE things ADD COLUMN more text", "SELECT * FROM things"},
		{"ALTER TABLE things ALTER COLUMN name SET NOT NULL", "23502"},
		{"ALTER TYPE mood RENAME TO temper", "temper"},
		{"ALTER TABLE things DROP CONSTRAINT things_pkey", `was {"error":"23505","constraint":"things_pkey"} and is now {"tag":"INSERT 0 1"}`},
		{"INSERT INTO things (id) VALUES (99)", `answer 7 was {"tag":"SELECT 5"} and is now a row of 2`},
	} {
		databaseURL := cluster.Database(t)
		if err := execute(t.Context(), databaseURL, test.change); err != nil {
			t.Fatal(err)
		}
		err := recording.Replay(t.Context(), "d", databaseURL, func(string) bool { return true })
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q in it", test.change, err, test.want)
		}
	}
}

// Transactions that got into each other's way are recorded in an order in which
// they mean the same.
func TestConcurrentTransactions(t *testing.T) {
	recording, err := record(t, func(databaseURL string) {
		if err := execute(t.Context(), databaseURL, "INSERT INTO things (id) VALUES (1)"); err != nil {
			t.Error(err)
		}
		var clients sync.WaitGroup
		for range 4 {
			conn := dial(t, databaseURL)
			clients.Go(func() {
				for range 10 {
					err := pgx.BeginFunc(t.Context(), conn, func(transaction pgx.Tx) error {
						var count int
						if err := transaction.QueryRow(t.Context(), "SELECT count FROM things WHERE id = 1 FOR UPDATE").Scan(&count); err != nil {
							return err
						}
						_, err := transaction.Exec(t.Context(), "UPDATE things SET count = $1 WHERE id = 1", count+1)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		clients.Wait()
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := recording.Replay(t.Context(), "d", cluster.Database(t), nil); err != nil {
		t.Error(err)
	}
}

// Statements that were given up, by the client or by the server, are left out.
func TestCancelled(t *testing.T) {
	recording, err := record(t, func(databaseURL string) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := execute(ctx, databaseURL, "SELECT pg_sleep(60)"); err == nil {
			t.Error("the client did not give up")
		}
		if err := execute(t.Context(), databaseURL, "SET statement_timeout = 1; SELECT pg_sleep(60)"); err == nil {
			t.Error("the server did not give up")
		}
		if err := execute(t.Context(), databaseURL, "SELECT 1"); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("it took %s: the server was not told that the client gave up", took)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := recording.Statements(), []string{"SELECT 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What cannot be replayed cannot be recorded.
func TestRefused(t *testing.T) {
	_, err := record(t, func(databaseURL string) {
		conn := dial(t, databaseURL)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{"things"}, []string{"id"}, pgx.CopyFromRows([][]any{{1}})); err == nil {
			t.Error("a COPY went through")
		}
	})
	if err == nil || !strings.Contains(err.Error(), "CopyInResponse") {
		t.Errorf("got %v, want an error about COPY", err)
	}
	if _, err := pgreplay.Record(t.Context(), "postgres://h/d", "d"); err == nil {
		t.Error("a server without a Unix socket was taken")
	}
}

// Values are readable where they can be, and exact.
func TestValue(t *testing.T) {
	for _, test := range []struct {
		value pgreplay.Value
		want  string
	}{
		{nil, `null`},
		{pgreplay.Value{}, `""`},
		{pgreplay.Value("疎 \"\n"), `"疎 \"\n"`},
		{pgreplay.Value{0, 1}, `"\\x0001"`},
		{pgreplay.Value{0xff}, `"\\xff"`},
		{pgreplay.Value(`\x`), `"\\x5c78"`},
	} {
		text, err := json.Marshal(test.value)
		if err != nil || string(text) != test.want {
			t.Errorf("%q: got %s, %v, want %s", test.value, text, err, test.want)
		}
		var back pgreplay.Value
		if err := json.Unmarshal(text, &back); err != nil || fmt.Sprintf("%#v", back) != fmt.Sprintf("%#v", test.value) {
			t.Errorf("%s: got %#v, %v, want %#v", text, back, err, test.value)
		}
	}
}
