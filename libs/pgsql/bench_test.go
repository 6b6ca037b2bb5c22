package pgsql_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/soketsugo/soketsugo/libs/pgsql"
)

const benchTable = `CREATE TABLE things (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, steps jsonb NOT NULL,
	revision bigint NOT NULL, created_at timestamptz NOT NULL)`

// BenchmarkBesidePgx does the same through this driver and through pgx, in turns,
// and reports how fast the driver is in relation to pgx, which is 1.
func BenchmarkBesidePgx(b *testing.B) {
	const (
		id    = "0190b0a4-7c3e-7b1a-8f1e-000000000001"
		steps = `[{"kind": "CALL", "title": "Say hello", "delay_seconds": 3600}]`
		read  = `SELECT id, name, steps, revision, created_at FROM things WHERE id = $1`
		write = `INSERT INTO things (name, steps, revision, created_at) VALUES ($1, $2, $3, $4)`
	)
	now := time.Now().UTC()
	for _, bench := range []struct {
		name string
		ours func(context.Context, *sql.DB) error
		pgx  func(context.Context, *pgxpool.Pool) error
	}{
		{"select", func(ctx context.Context, db *sql.DB) error {
			var gotID, name, gotSteps string
			var revision int64
			var created time.Time
			return db.QueryRowContext(ctx, read, id).Scan(&gotID, &name, &gotSteps, &revision, &created)
		}, func(ctx context.Context, pool *pgxpool.Pool) error {
			var gotID, name, gotSteps string
			var revision int64
			var created time.Time
			return pool.QueryRow(ctx, read, id).Scan(&gotID, &name, &gotSteps, &revision, &created)
		}},
		{"select with a setting", func(ctx context.Context, db *sql.DB) error {
			var gotID, name, gotSteps string
			var revision int64
			var created time.Time
			return db.QueryRowContext(pgsql.WithLocal(ctx, "test.name", "acme"), read, id).Scan(&gotID, &name, &gotSteps, &revision, &created)
		}, func(ctx context.Context, pool *pgxpool.Pool) error {
			batch := &pgx.Batch{}
			batch.Queue("SELECT set_config($1, $2, true)", "test.name", "acme")
			batch.Queue(read, id)
			results := pool.SendBatch(ctx, batch)
			if _, err := results.Exec(); err != nil {
				return err
			}
			var gotID, name, gotSteps string
			var revision int64
			var created time.Time
			return errors.Join(results.QueryRow().Scan(&gotID, &name, &gotSteps, &revision, &created), results.Close())
		}},
		{"insert", func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, write, "First contact", steps, int64(1), now)
			return err
		}, func(ctx context.Context, pool *pgxpool.Pool) error {
			_, err := pool.Exec(ctx, write, "First contact", steps, int64(1), now)
			return err
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			// Waiting for the disk would hide the drivers.
			databaseURL := cluster.Database(b) + "&synchronous_commit=off"
			config, err := pgsql.ParseConfig(databaseURL, pgsql.Config{StatementCache: 16, CancelGrace: time.Second, Pool: pgsql.Pool{MaxConns: 4}})
			if err != nil {
				b.Fatal(err)
			}
			db := pgsql.OpenPool(pgsql.NewConnector(config))
			defer db.Close()
			pool, err := pgxpool.New(b.Context(), databaseURL)
			if err != nil {
				b.Fatal(err)
			}
			defer pool.Close()
			if _, err := db.ExecContext(b.Context(), benchTable+
				"; INSERT INTO things VALUES ('"+id+"', 'First contact', '"+steps+"', 1, now())"); err != nil {
				b.Fatal(err)
			}
			ours := func() time.Duration {
				// As a request does.
				ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
				defer cancel()
				begin := time.Now()
				if err := bench.ours(ctx, db); err != nil {
					b.Fatal(err)
				}
				return time.Since(begin)
			}
			theirs := func() time.Duration {
				ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
				defer cancel()
				begin := time.Now()
				if err := bench.pgx(ctx, pool); err != nil {
					b.Fatal(err)
				}
				return time.Since(begin)
			}
			// The first round prepares statements.
			ours()
			theirs()
			var oursTook, theirsTook time.Duration
			rounds := 0
			for b.Loop() {
				oursTook += ours()
				theirsTook += theirs()
				rounds++
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(oursTook.Nanoseconds())/float64(rounds), "ns/pgsql")
			b.ReportMetric(float64(theirsTook.Nanoseconds())/float64(rounds), "ns/pgx")
			b.ReportMetric(float64(theirsTook)/float64(oursTook), "of-pgx")
		})
	}
}
