package pgsql_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/soketsugo/soketsugo/libs/pgsql"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/pgreplay"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
	"github.com/soketsugo/soketsugo/libs/testing/relay"
)

var cluster = postgrestest.Cluster{}

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// open returns a database whose connections are as defaults say.
func open(t *testing.T, databaseURL string, defaults pgsql.Config) *sql.DB {
	t.Helper()
	db, _ := openConnector(t, databaseURL, defaults)
	return db
}

func openConnector(t *testing.T, databaseURL string, defaults pgsql.Config) (*sql.DB, *pgsql.Connector) {
	t.Helper()
	if defaults.CancelGrace == 0 {
		defaults.CancelGrace = 5 * time.Second
	}
	config, err := pgsql.ParseConfig(databaseURL, defaults)
	if err != nil {
		t.Fatal(err)
	}
	connector := pgsql.NewConnector(config)
	db := pgsql.OpenPool(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db, connector
}

// one is a pool of a single connection that keeps prepared statements.
func one(cache int) pgsql.Config {
	return pgsql.Config{StatementCache: cache, Pool: pgsql.Pool{MaxConns: 1}}
}

func exec(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func pid(t *testing.T, db *sql.DB) int64 {
	t.Helper()
	var pid int64
	if err := db.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func code(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// Values come back as they were, prepared or not.
func TestValues(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)
	elsewhere := time.FixedZone("", -(3*3600 + 30*60))
	for _, test := range []struct {
		as          string
		value, want any
	}{
		{"int8", int64(-1 << 63), int64(-1 << 63)},
		{"int4", int64(-7), int64(-7)},
		{"int2", int64(-8), int64(-8)},
		{"int8", nil, nil},
		{"float8", 1.5, 1.5},
		{"float4", -0.25, -0.25},
		{"numeric", "12.50", "12.50"},
		{"bool", true, true},
		{"bool", false, false},
		{"text", "", ""},
		{"text", "疎 'x' \\", "疎 'x' \\"},
		{"uuid", "0190B0A4-7c3e-7b1a-8f1e-000000000001", "0190b0a4-7c3e-7b1a-8f1e-000000000001"},
		{"bytea", []byte{0, 1, 255}, []byte{0, 1, 255}},
		{"bytea", []byte{}, []byte{}},
		{"bytea", []byte(nil), nil},
		{"jsonb", `{"a": 1}`, []byte(`{"a": 1}`)},
		{"json", `{"a":1}`, []byte(`{"a":1}`)},
		{"timestamptz", at, at},
		{"timestamptz", at.Add(999).In(elsewhere), at},
		{"timestamptz", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"timestamptz", time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)},
		{"timestamptz", time.Date(1969, 12, 31, 23, 59, 59, 1000, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 1000, time.UTC)},
		{"timestamp", at.In(elsewhere), at},
		{"timestamp", nil, nil},
	} {
		for _, cache := range []int{0, 4} {
			t.Run(fmt.Sprintf("%s %v cache %d", test.as, test.value, cache), func(t *testing.T) {
				db := open(t, database(t), one(cache))
				// As text, times are read only where years have four digits and offsets no
				// seconds.
				if cache > 0 || reflect.DeepEqual(test.want, at) {
					exec(t, db, "SET TIME ZONE 'Asia/Kolkata'")
				}
				var got any
				if err := db.QueryRowContext(t.Context(), "SELECT $1::"+test.as, test.value).Scan(&got); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, test.want) {
					t.Errorf("got %T %v, want %T %v", got, got, test.want, test.want)
				}
			})
		}
	}
}

// shared is a database for tests that leave nothing in it.
var shared string

func database(t *testing.T) string {
	t.Helper()
	if shared == "" {
		shared = cluster.Database(t)
	}
	return shared
}

// Bytes for types of users are not taken for their text form.
func TestBytesOfDomains(t *testing.T) {
	db := open(t, cluster.Database(t), one(4))
	exec(t, db, "CREATE DOMAIN image AS bytea; CREATE DOMAIN note AS text; CREATE TYPE mood AS ENUM ('good')")
	for _, test := range []struct{ query, value string }{
		{"SELECT $1::image::bytea", `\x41\\`},
		{"SELECT $1::note::text", `a 'b' \x41`},
		{"SELECT $1::mood::text", "good"},
	} {
		var got []byte
		if err := db.QueryRowContext(t.Context(), test.query, []byte(test.value)).Scan(&got); err != nil || string(got) != test.value {
			t.Errorf("%s: got %q, %v; want %q", test.query, got, err, test.value)
		}
	}
}

// Times are read whatever form the database has for people, unless the URL asks
// for another one.
func TestDateStyle(t *testing.T) {
	databaseURL := cluster.Database(t)
	exec(t, open(t, databaseURL, one(0)), "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET DateStyle = SQL, DMY', current_database()); END $$")
	for _, test := range []struct{ setting, want string }{
		{"", "ISO, DMY"},
		{"&datestyle=German", "German, DMY"},
		{"&options=-c%20DateStyle%3DGerman", "German, DMY"},
	} {
		var got string
		if err := open(t, databaseURL+test.setting, one(0)).QueryRowContext(t.Context(), "SELECT current_setting('datestyle')").Scan(&got); err != nil || got != test.want {
			t.Errorf("with %q: got %s, %v; want %s", test.setting, got, err, test.want)
		}
	}
	for _, through := range []string{databaseURL, cluster.Pooler(t, databaseURL, "transaction")} {
		var got time.Time
		want := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
		if err := open(t, through, one(0)).QueryRowContext(t.Context(), "SELECT $1::timestamptz", want).Scan(&got); err != nil || !got.Equal(want) {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

// JSON is written and read as bytes too.
func TestJSON(t *testing.T) {
	db := open(t, database(t), one(4))
	var raw json.RawMessage
	var text string
	if err := db.QueryRowContext(t.Context(), "SELECT $1::jsonb, $1::jsonb", json.RawMessage(`[1]`)).Scan(&raw, &text); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, []byte("[1]")) || text != "[1]" {
		t.Errorf("got %s and %s, want [1]", raw, text)
	}
}

// What cannot be sent or read is refused, and the connection goes on.
func TestRefusedValues(t *testing.T) {
	db := open(t, database(t), one(4))
	for _, test := range []struct {
		query, want string
		args        []any
	}{
		{"SELECT $1::timestamptz", "year 1", []any{time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"SELECT $1::int8", "names", []any{sql.Named("a", 1)}},
		{"SELECT 'infinity'::timestamptz", "infinite", nil},
		{"SELECT $1::int2", "out of range", []any{1 << 20}},
		{"SELECT $1::int8, $2::int8", "parameters", []any{1}},
	} {
		var got any
		err := db.QueryRowContext(t.Context(), test.query, test.args...).Scan(&got, &got)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", test.query, err, test.want)
		}
		pid(t, db)
	}
}

// A result is read as it is asked for, and one that is given up leaves the
// connection usable.
func TestRows(t *testing.T) {
	for _, cache := range []int{0, 4} {
		db := open(t, database(t), one(cache))
		first := pid(t, db)
		for _, most := range []int{0, 1, 100000} {
			rows, err := db.QueryContext(t.Context(), "SELECT n, repeat('x', 100) FROM generate_series(1, $1) n", 50000)
			if err != nil {
				t.Fatal(err)
			}
			count := 0
			for count < most && rows.Next() {
				var n int
				var text string
				if err := rows.Scan(&n, &text); err != nil {
					t.Fatal(err)
				}
				if count++; n != count || len(text) != 100 {
					t.Fatalf("row %d has %d, %q", count, n, text)
				}
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil || count != min(most, 50000) {
				t.Errorf("got %d rows, %v", count, err)
			}
		}
		if second := pid(t, db); second != first {
			t.Errorf("the connection was replaced")
		}
	}
}

// An error in the middle of a result, and one after it, is not lost.
func TestLateErrors(t *testing.T) {
	db := open(t, cluster.Database(t), one(4))
	exec(t, db, "CREATE TABLE things (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO things VALUES (1)")
	for _, test := range []struct{ query, want string }{
		{"SELECT 1 / (5000 - n) FROM generate_series(1, 10000) n WHERE $1 > 0", "22012"},
		{"INSERT INTO things VALUES ($1) RETURNING id", "23505"},
	} {
		rows, err := db.QueryContext(t.Context(), test.query, 1)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); code(err) != test.want {
			t.Errorf("%s: got %v, want %s", test.query, err, test.want)
		}
		var got int
		if err := db.QueryRowContext(t.Context(), test.query, 1).Scan(&got); test.want == "23505" && code(err) != test.want {
			t.Errorf("%s: got %v, want %s", test.query, err, test.want)
		}
	}
}

// A statement is parsed once on each connection and is one round trip afterwards;
// what the cache has no room for goes.
func TestStatementCache(t *testing.T) {
	for _, test := range []struct {
		cache int
		late  bool
		sent  []string
	}{
		{0, false, []string{"Parse Bind Describe Execute", "Parse Bind Describe Execute", "Parse Bind Describe Execute", "Parse Bind Describe Execute"}},
		{1, false, []string{"Parse Describe", "Bind Execute", "Bind Execute", "Close", "Parse Describe", "Bind Execute", "Close", "Parse Describe", "Bind Execute"}},
		{2, false, []string{"Parse Describe", "Bind Execute", "Bind Execute", "Parse Describe", "Bind Execute", "Bind Execute"}},
		{2, true, []string{"Parse Bind Describe Execute", "Parse Describe", "Bind Execute", "Parse Bind Describe Execute", "Bind Execute"}},
	} {
		recorder, err := pgreplay.Record(t.Context(), cluster.Database(t), "d")
		if err != nil {
			t.Fatal(err)
		}
		config := one(test.cache)
		config.PrepareLate = test.late
		db := open(t, recorder.URL(), config)
		for _, query := range []string{"SELECT $1::int8", "SELECT $1::int8", "SELECT $1::text", "SELECT $1::int8"} {
			var got string
			if err := db.QueryRowContext(t.Context(), query, 1).Scan(&got); err != nil || got != "1" {
				t.Fatalf("%s: got %q, %v", query, got, err)
			}
		}
		_ = db.Close()
		recording, err := recorder.Stop()
		if err != nil {
			t.Fatal(err)
		}
		var sent []string
		for _, exchange := range recording {
			var messages []string
			for _, request := range exchange.Sent {
				messages = append(messages, request.Message)
			}
			sent = append(sent, strings.Join(messages, " "))
		}
		if !reflect.DeepEqual(sent, test.sent) {
			t.Errorf("with a cache of %d, late = %v: got\n%q, want\n%q", test.cache, test.late, sent, test.sent)
		}
	}
}

// A statement that was prepared before the schema changed is prepared again. In a
// transaction that is too late, but for the next one.
func TestSchemaChange(t *testing.T) {
	for _, test := range []struct {
		name, change, query string
		args                []any
		// code is that of the error in a transaction.
		code string
	}{
		{"a column more", "ALTER TABLE things ADD COLUMN more text", "SELECT * FROM things", nil, "0A000"},
		{"another type", "ALTER TABLE things ALTER COLUMN count TYPE bigint", "SELECT count FROM things WHERE id = $1", []any{1}, "0A000"},
		{"another type of a parameter", "ALTER TABLE things ALTER COLUMN doc TYPE jsonb USING doc::jsonb",
			"UPDATE things SET doc = $1", []any{"{}"}, "42804"},
		{"an operator that is not there", "ALTER TABLE things ALTER COLUMN name TYPE uuid USING gen_random_uuid()",
			"SELECT id FROM things WHERE name = $1", []any{"0190b0a4-7c3e-7b1a-8f1e-000000000001"}, "42883"},
		{"statements forgotten", "SELECT 1", "SELECT id FROM things", nil, "26000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			databaseURL := cluster.Database(t)
			db, admin := open(t, databaseURL, one(8)), open(t, databaseURL, one(0))
			const table = "DROP TABLE IF EXISTS things; CREATE TABLE things (id int, count int, doc text, name text); INSERT INTO things VALUES (1, 2, '{}', 'n')"
			change := func(db *sql.DB) {
				t.Helper()
				exec(t, admin, test.change)
				if test.code == "26000" {
					// Behind the driver's back: it knows what DEALLOCATE ALL does.
					exec(t, db, "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
				}
			}
			use := func(on interface {
				QueryContext(context.Context, string, ...any) (*sql.Rows, error)
			}) error {
				rows, err := on.QueryContext(t.Context(), test.query, test.args...)
				if err != nil {
					return err
				}
				for rows.Next() {
				}
				return errors.Join(rows.Err(), rows.Close())
			}
			exec(t, admin, table)
			for range 2 {
				if err := use(db); err != nil {
					t.Fatal(err)
				}
			}
			change(db)
			if err := use(db); err != nil {
				t.Errorf("after the change: %v", err)
			}

			exec(t, admin, table)
			db = open(t, databaseURL, one(8))
			if err := use(db); err != nil {
				t.Fatal(err)
			}
			change(db)
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := use(tx); code(err) != test.code {
				t.Errorf("in a transaction: got %v, want %s", err, test.code)
			}
			if err := tx.Commit(); err == nil {
				t.Error("a transaction that failed was committed")
			}
			if err := use(db); err != nil {
				t.Errorf("after the transaction: %v", err)
			}
		})
	}
}

// A context that ends stops the statement on the server. The connection is used
// again when the server says so in time.
func TestCancel(t *testing.T) {
	long.Test(t)
	for _, cache := range []int{0, 4} {
		for _, test := range []struct {
			name string
			want error
			run  func(context.Context, *sql.DB) error
		}{
			{"exec", context.DeadlineExceeded, func(ctx context.Context, db *sql.DB) error {
				_, err := db.ExecContext(ctx, "SELECT pg_sleep($1)", 60)
				return err
			}},
			{"simple", context.DeadlineExceeded, func(ctx context.Context, db *sql.DB) error {
				_, err := db.ExecContext(ctx, "SELECT pg_sleep(60)")
				return err
			}},
			{"query", context.DeadlineExceeded, func(ctx context.Context, db *sql.DB) error {
				var got string
				return db.QueryRowContext(ctx, "SELECT pg_sleep($1)", 60).Scan(&got)
			}},
			{"rows", context.DeadlineExceeded, func(ctx context.Context, db *sql.DB) error {
				rows, err := db.QueryContext(ctx, "SELECT pg_sleep($1 * n) FROM generate_series(0, 1) n", 60)
				if err != nil {
					return err
				}
				for rows.Next() {
				}
				return errors.Join(rows.Err(), rows.Close())
			}},
		} {
			t.Run(fmt.Sprintf("%s cache %d", test.name, cache), func(t *testing.T) {
				db := open(t, database(t), one(cache))
				first := pid(t, db)
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				begin := time.Now()
				err := test.run(ctx, db)
				if took := time.Since(begin); !errors.Is(err, test.want) || took > 4*time.Second {
					t.Errorf("got %v after %s, want %v", err, took, test.want)
				}
				if test.name == "exec" && code(err) != "57014" {
					t.Errorf("got %v, want the server's error too", err)
				}
				if second := pid(t, db); second != first {
					t.Error("the connection was replaced")
				}
			})
		}
	}
}

// A server that does not answer is given up after the grace, and so are its
// connections.
func TestHang(t *testing.T) {
	long.Test(t)
	for _, test := range []struct {
		name string
		run  func(context.Context, *sql.DB, *sql.Tx) error
	}{
		{"a statement", func(ctx context.Context, db *sql.DB, _ *sql.Tx) error {
			_, err := db.ExecContext(ctx, "SELECT $1::int8", 1)
			return err
		}},
		{"a ping", func(ctx context.Context, db *sql.DB, _ *sql.Tx) error { return db.PingContext(ctx) }},
		{"a commit", func(_ context.Context, _ *sql.DB, tx *sql.Tx) error { return tx.Commit() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, relayed, err := relay.Postgres(database(t))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			db := open(t, relayed, pgsql.Config{StatementCache: 4, CancelGrace: 300 * time.Millisecond, Pool: pgsql.Pool{MaxConns: 2}})
			pid(t, db)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Freeze()
			begin := time.Now()
			err = test.run(ctx, db, tx)
			if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took > 4*time.Second {
				t.Errorf("got %v after %s, want %v", err, took, context.DeadlineExceeded)
			}
			r.Thaw()
			pid(t, db)
		})
	}
}

// A transaction is of the kind that was asked for.
func TestTransactionOptions(t *testing.T) {
	db := open(t, database(t), one(4))
	for _, test := range []struct {
		options     *sql.TxOptions
		level, only string
	}{
		{nil, "read committed", "off"},
		{&sql.TxOptions{ReadOnly: true}, "read committed", "on"},
		{&sql.TxOptions{Isolation: sql.LevelReadCommitted}, "read committed", "off"},
		{&sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, "repeatable read", "on"},
		{&sql.TxOptions{Isolation: sql.LevelSerializable}, "serializable", "off"},
	} {
		tx, err := db.BeginTx(t.Context(), test.options)
		if err != nil {
			t.Fatal(err)
		}
		var level, only string
		err = tx.QueryRowContext(t.Context(), "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')").Scan(&level, &only)
		if err != nil || level != test.level || only != test.only {
			t.Errorf("%+v: got %s, read only %s, %v; want %s, %s", test.options, level, only, err, test.level, test.only)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
	}
	if _, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSnapshot}); err == nil {
		t.Error("an isolation level that PostgreSQL does not know was taken")
	}
}

// A transaction whose context ends is rolled back, and its connection used again.
func TestTransactionCancelled(t *testing.T) {
	db := open(t, cluster.Database(t), one(4))
	exec(t, db, "CREATE TABLE things (id int)")
	first := pid(t, db)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO things VALUES ($1)", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_sleep($1)", 60); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	if err := tx.Commit(); err == nil {
		t.Error("a transaction that was cancelled was committed")
	}
	var count int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM things").Scan(&count); err != nil || count != 0 {
		t.Errorf("got %d rows, %v; want none", count, err)
	}
	if second := pid(t, db); second != first {
		t.Error("the connection was replaced")
	}
}

// Nobody gets a connection that is broken, in somebody's transaction, or too old.
func TestReplaced(t *testing.T) {
	long.Test(t)
	for _, test := range []struct {
		name string
		pool pgsql.Pool
		end  func(t *testing.T, db, admin *sql.DB, pid int64)
		want bool
	}{
		{"nothing", pgsql.Pool{}, func(*testing.T, *sql.DB, *sql.DB, int64) {}, false},
		{"rested", pgsql.Pool{PingTimeout: time.Second}, func(*testing.T, *sql.DB, *sql.DB, int64) { time.Sleep(1100 * time.Millisecond) }, false},
		{"ended by an operator", pgsql.Pool{}, func(t *testing.T, _, admin *sql.DB, pid int64) {
			exec(t, admin, fmt.Sprintf("SELECT pg_terminate_backend(%d, 5000)", pid))
			time.Sleep(1100 * time.Millisecond)
		}, true},
		{"in a transaction", pgsql.Pool{}, func(t *testing.T, db, _ *sql.DB, _ int64) { exec(t, db, "BEGIN") }, true},
		{"too old", pgsql.Pool{MaxConnLifetime: 200 * time.Millisecond, MaxConnLifetimeJitter: 100 * time.Millisecond},
			func(*testing.T, *sql.DB, *sql.DB, int64) { time.Sleep(400 * time.Millisecond) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.pool.MaxConns = 1
			db := open(t, database(t), pgsql.Config{StatementCache: 4, Pool: test.pool})
			first := pid(t, db)
			test.end(t, db, open(t, database(t), one(0)), first)
			if second := pid(t, db); (second != first) != test.want {
				t.Errorf("got another connection = %v, want %v", second != first, test.want)
			}
		})
	}
}

// A server that crashed is forgiven: statements fail while it is away and not
// afterwards.
func TestCrash(t *testing.T) {
	long.Test(t)
	db, connector := openConnector(t, database(t), pgsql.Config{StatementCache: 4, Pool: pgsql.Pool{MaxConns: 4}})
	pid(t, db)
	before := connector.Answers()
	back := cluster.Crash(t)
	back()
	time.Sleep(1100 * time.Millisecond)
	pid(t, db)
	if connector.Answers() <= before {
		t.Error("the answer was not counted")
	}
}

// A connection that is told to forget its statements prepares them again.
func TestForgotten(t *testing.T) {
	db := open(t, database(t), one(4))
	for _, statement := range []string{"SELECT 1", "DEALLOCATE ALL", "DISCARD ALL"} {
		exec(t, db, statement)
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got int
		if err := tx.QueryRowContext(t.Context(), "SELECT $1::int8", 1).Scan(&got); err != nil {
			t.Errorf("after %s: %v", statement, err)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
	}
}

// A prepared statement of database/sql is prepared once, and refused early.
func TestPrepare(t *testing.T) {
	db := open(t, database(t), one(4))
	if _, err := db.PrepareContext(t.Context(), "SELECT nothing"); code(err) != "42703" {
		t.Errorf("got %v, want 42703", err)
	}
	statement, err := db.PrepareContext(t.Context(), "SELECT $1::int8")
	if err != nil {
		t.Fatal(err)
	}
	defer statement.Close()
	for want := range 3 {
		var got int
		if err := statement.QueryRowContext(t.Context(), want).Scan(&got); err != nil || got != want {
			t.Errorf("got %d, %v; want %d", got, err, want)
		}
	}
	var count int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1::int8'").Scan(&count); err != nil || count != 1 {
		t.Errorf("the server has it %d times, %v; want once", count, err)
	}
}

// Without parameters several statements go in one string, outside a transaction
// where they must.
func TestSimpleProtocol(t *testing.T) {
	db := open(t, cluster.Database(t), one(4))
	exec(t, db, "CREATE TABLE things (id int); INSERT INTO things VALUES (1), (2)")
	exec(t, db, "CREATE INDEX CONCURRENTLY things_by_id ON things (id)")
	result, err := db.ExecContext(t.Context(), "UPDATE things SET id = id + 1; DELETE FROM things WHERE id = 2")
	if err != nil {
		t.Fatal(err)
	}
	if count, err := result.RowsAffected(); err != nil || count != 3 {
		t.Errorf("got %d rows, %v; want 3", count, err)
	}
}

// Rows that nobody asked for are not kept.
func TestExecKeepsNoRows(t *testing.T) {
	db := open(t, database(t), one(4))
	const count = 10000
	for _, query := range []string{
		fmt.Sprintf("SELECT n FROM generate_series(1, %d) n", count),
		fmt.Sprintf("SELECT 1; COPY (SELECT n FROM generate_series(2, %d) n) TO STDOUT", count),
	} {
		allocations := testing.AllocsPerRun(1, func() {
			result, err := db.ExecContext(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			if rows, err := result.RowsAffected(); err != nil || rows != count {
				t.Errorf("%s: got %d rows, %v; want %d", query, rows, err, count)
			}
		})
		if allocations > count/10 {
			t.Errorf("%s: %.0f allocations", query, allocations)
		}
	}
	// What fails after some rows still fails.
	if _, err := db.ExecContext(t.Context(), "SELECT 1; SELECT 1 / (5000 - n) FROM generate_series(1, 10000) n"); code(err) != "22012" {
		t.Errorf("got %v, want 22012", err)
	}
	pid(t, db)
}

// A URL says what it can say, and is refused for the rest without its password.
func TestParseConfig(t *testing.T) {
	defaults := pgsql.Config{ConnectTimeout: time.Second, StatementCache: 9, Pool: pgsql.Pool{MaxConns: 5, MaxConnLifetime: time.Hour}}
	for _, test := range []struct {
		query string
		want  pgsql.Config
	}{
		{"", defaults},
		{"connect_timeout=3&pool_max_conns=7&pool_max_conn_lifetime=2m&pool_max_conn_lifetime_jitter=3s&pool_max_conn_idle_time=4m&pool_ping_timeout=5s&statement_cache_capacity=6",
			pgsql.Config{ConnectTimeout: 3 * time.Second, StatementCache: 6, Pool: pgsql.Pool{MaxConns: 7, MaxConnLifetime: 2 * time.Minute,
				MaxConnLifetimeJitter: 3 * time.Second, MaxConnIdleTime: 4 * time.Minute, PingTimeout: 5 * time.Second}}},
		{"default_query_exec_mode=exec", pgsql.Config{ConnectTimeout: time.Second, Pool: defaults.Pool}},
		{"default_query_exec_mode=cache_statement&application_name=x", defaults},
	} {
		got, err := pgsql.ParseConfig("postgres://user:hunter2@h/d?"+test.query, defaults)
		if err != nil {
			t.Fatal(err)
		}
		if got.ConnectTimeout != test.want.ConnectTimeout || got.StatementCache != test.want.StatementCache || got.Pool != test.want.Pool {
			t.Errorf("%s: got %+v, want %+v", test.query, got, test.want)
		}
	}
	for query, want := range map[string]string{
		"pool_max_conns=many":                     "pool_max_conns: it must be a number from 1",
		"pool_max_conns=0":                        "pool_max_conns",
		"pool_max_conn_lifetime=0":                "pool_max_conn_lifetime: it must be a time",
		"pool_max_conn_lifetime_jitter=-1s":       "pool_max_conn_lifetime_jitter",
		"pool_min_conns=1":                        "pool_min_conns: it is not supported",
		"pool_min_idle_conns=1":                   "pool_min_idle_conns",
		"pool_health_check_period=1s":             "pool_health_check_period",
		"description_cache_capacity=1":            "statement_cache_capacity",
		"default_query_exec_mode=simple_protocol": "cache_statement or exec",
		"sslmode=x":                               "TLS",
		"port=`: hunter2":                         "URL",
	} {
		_, err := pgsql.ParseConfig("postgres://user:hunter2@h/d?"+query, defaults)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want an error with %q and without the password", query, err, want)
		}
	}
}

// A connection is opened by a Connector only.
func TestDriver(t *testing.T) {
	if _, err := open(t, "postgres://h/d", one(0)).Driver().Open("postgres://h/d"); err == nil || errors.Is(err, driver.ErrBadConn) {
		t.Errorf("got %v, want that it is refused", err)
	}
}

// Behind a pooler in transaction mode statements that are not prepared work,
// whatever process of the server gets them.
func TestTransactionPooler(t *testing.T) {
	databaseURL := cluster.Database(t)
	db := open(t, cluster.Pooler(t, databaseURL, "transaction")+"&default_query_exec_mode=exec", pgsql.Config{StatementCache: 4, Pool: pgsql.Pool{MaxConns: 8}})
	exec(t, db, "CREATE TABLE things (id int8, raw bytea, at timestamptz)")
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for n := range 20 {
				id := int64(client*100 + n)
				if _, err := db.ExecContext(t.Context(), "INSERT INTO things VALUES ($1, $2, $3)", id, []byte{0, byte(n)}, time.Unix(id, 0)); err != nil {
					t.Error(err)
					return
				}
				var raw []byte
				var at time.Time
				err := db.QueryRowContext(t.Context(), "SELECT raw, at FROM things WHERE id = $1", id).Scan(&raw, &at)
				if err != nil || !bytes.Equal(raw, []byte{0, byte(n)}) || !at.Equal(time.Unix(id, 0)) {
					t.Errorf("got %v, %s, %v", raw, at, err)
				}
			}
		})
	}
	clients.Wait()
}

// A notification is noticed while it is waited for, and when it came before; a
// wait that ends leaves the connection as it was.
func TestWaitForNotification(t *testing.T) {
	databaseURL := database(t)
	db, sender := open(t, databaseURL, pgsql.Config{}), open(t, databaseURL, pgsql.Config{})
	listener, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	exec := func(on interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	}, statement string) {
		t.Helper()
		if _, err := on.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	wait := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return pgsql.WaitForNotification(ctx, listener)
	}
	exec(listener, "LISTEN a")
	if err := wait(20 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("without a notification: %v", err)
	}
	sent := make(chan error, 1)
	go func() {
		time.Sleep(20 * time.Millisecond)
		_, err := sender.ExecContext(t.Context(), "NOTIFY a")
		sent <- err
	}()
	if err := errors.Join(wait(10*time.Second), <-sent); err != nil {
		t.Fatalf("while it was waited for: %v", err)
	}
	exec(sender, "NOTIFY a")
	exec(listener, "SELECT 1") // beside whose answer it comes
	if err := wait(10 * time.Second); err != nil {
		t.Fatalf("after it came: %v", err)
	}
	if err := wait(20 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("after it was taken: %v", err)
	}
	exec(listener, "SELECT 1")
	// The server ends the connection.
	var pid int64
	if err := listener.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	exec(sender, fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid))
	if err := wait(10 * time.Second); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("on a connection that is gone: %v", err)
	}
}

// A setting of the context holds for its statement alone, prepared or not, in a
// transaction for the rest of it, and never for the next one on the connection.
func TestWithLocal(t *testing.T) {
	const query = "SELECT coalesce(nullif(current_setting('test.name', true), ''), 'none') || $1"
	for _, cache := range []int{0, 1, 4} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("cache %d late %v", cache, late), func(t *testing.T) {
				config := one(cache)
				config.PrepareLate = late
				db := open(t, cluster.Database(t), config)
				first := pid(t, db)
				type source interface {
					QueryRowContext(context.Context, string, ...any) *sql.Row
				}
				want := func(what, name, want string, from source) {
					t.Helper()
					ctx := t.Context()
					if name != "" {
						ctx = pgsql.WithLocal(ctx, "test.name", name)
					}
					for range 3 {
						var got string
						if err := from.QueryRowContext(ctx, query, "!").Scan(&got); err != nil || got != want+"!" {
							t.Errorf("%s: got %q, %v; want %q", what, got, err, want+"!")
						}
					}
				}
				want("before", "", "none", db)
				want("with the setting", "a", "a", db)
				want("with another one", "b 'x' \\ 疎", "b 'x' \\ 疎", db)
				want("without", "", "none", db)
				tx, err := db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				want("in a transaction", "", "none", tx)
				want("in a transaction with the setting", "c", "c", tx)
				want("later in it", "", "c", tx)
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
				want("after the transaction", "", "none", db)
				if second := pid(t, db); second != first {
					t.Error("the connection was replaced")
				}
			})
		}
	}
}

// A setting costs no round trip.
func TestWithLocalRoundTrips(t *testing.T) {
	for cache, want := range map[int][]string{
		0: {"Parse Bind Describe Execute Parse Bind Describe Execute", "Parse Bind Describe Execute Parse Bind Describe Execute"},
		4: {"Parse Describe", "Parse Describe", "Bind Execute Bind Execute", "Bind Execute Bind Execute"},
	} {
		recorder, err := pgreplay.Record(t.Context(), cluster.Database(t), "d")
		if err != nil {
			t.Fatal(err)
		}
		db := open(t, recorder.URL(), one(cache))
		ctx := pgsql.WithLocal(t.Context(), "test.name", "a")
		for range 2 {
			var got int
			if err := db.QueryRowContext(ctx, "SELECT $1::int8", 1).Scan(&got); err != nil {
				t.Fatal(err)
			}
		}
		_ = db.Close()
		recording, err := recorder.Stop()
		if err != nil {
			t.Fatal(err)
		}
		var sent []string
		for _, exchange := range recording {
			var messages []string
			for _, request := range exchange.Sent {
				messages = append(messages, request.Message)
			}
			sent = append(sent, strings.Join(messages, " "))
		}
		if !reflect.DeepEqual(sent, want) {
			t.Errorf("with a cache of %d: got\n%q, want\n%q", cache, sent, want)
		}
	}
}

// What goes wrong with a statement goes wrong as it does without a setting, and the
// connection goes on.
func TestWithLocalErrors(t *testing.T) {
	for _, cache := range []int{0, 4} {
		db := open(t, cluster.Database(t), one(cache))
		exec(t, db, "CREATE TABLE things (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO things VALUES (1)")
		first := pid(t, db)
		ctx := pgsql.WithLocal(t.Context(), "test.name", "a")
		for _, test := range []struct {
			ctx         context.Context
			query, code string
			arg         any
		}{
			{ctx, "SELECT nothing WHERE $1 > 0", "42703", 1},
			{ctx, "SELECT $1::int2", "22003", 1 << 20},
			{ctx, "SELECT 1 / (5000 - n) FROM generate_series(1, 10000) n WHERE $1 > 0", "22012", 1},
			{ctx, "INSERT INTO things VALUES ($1)", "23505", 1},
			{ctx, "INSERT INTO things VALUES ($1) RETURNING id", "23505", 1},
			{pgsql.WithLocal(t.Context(), "work_mem", "x"), "SELECT $1::int8", "22023", 1},
			{pgsql.WithLocal(t.Context(), "no such setting", "x"), "SELECT $1::int8", "42704", 1},
			{ctx, "SELECT n FROM generate_series(1, 50000) n WHERE $1 > 0", "", 1},
			{ctx, "DELETE FROM things WHERE id = $1", "", 7},
			{ctx, "INSERT INTO things VALUES ($1)", "", 2},
		} {
			for range 2 {
				rows, err := db.QueryContext(test.ctx, test.query, test.arg)
				if err == nil {
					for rows.Next() {
					}
					err = errors.Join(rows.Err(), rows.Close())
				}
				if code(err) != test.code || (err == nil) != (test.code == "") {
					t.Errorf("%s: got %v, want %q", test.query, err, test.code)
				}
				if test.code == "" {
					break
				}
			}
		}
		result, err := db.ExecContext(ctx, "UPDATE things SET id = id + $1", 10)
		if err != nil {
			t.Fatal(err)
		}
		if count, err := result.RowsAffected(); err != nil || count != 2 {
			t.Errorf("got %d rows, %v; want 2", count, err)
		}
		if second := pid(t, db); second != first {
			t.Error("the connection was replaced")
		}
	}
}

// Statements that were forgotten behind the driver's back are prepared again, the
// one that makes the setting among them, and a context that ends is noticed.
func TestWithLocalForgotten(t *testing.T) {
	db := open(t, database(t), one(4))
	ctx := pgsql.WithLocal(t.Context(), "test.name", "a")
	for _, statement := range []string{"SELECT 1", "DEALLOCATE ALL", "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$", "DISCARD ALL"} {
		exec(t, db, statement)
		var got string
		if err := db.QueryRowContext(ctx, "SELECT current_setting('test.name') || $1", "!").Scan(&got); err != nil || got != "a!" {
			t.Errorf("after %s: got %q, %v", statement, got, err)
		}
	}
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	first := pid(t, db)
	if _, err := db.ExecContext(short, "SELECT pg_sleep($1)", 60); !errors.Is(err, context.DeadlineExceeded) || code(err) != "57014" {
		t.Errorf("got %v, want the deadline and that the server gave up", err)
	}
	if second := pid(t, db); second != first {
		t.Error("the connection was replaced")
	}
}
