package postgrestest_test

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
)

var cluster = postgrestest.Cluster{Prepare: func(ctx context.Context, databaseURL string) error {
	conn, err := pgconn.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE TABLE things (name text)").ReadAll()
	return err
}}

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// Each test gets what Prepare made and nothing that another test did.
func TestDatabasesAreSeparate(t *testing.T) {
	ctx := t.Context()
	for range 2 {
		conn, err := pgconn.Connect(ctx, cluster.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		result := conn.ExecParams(ctx, "SELECT count(*) FROM things", nil, nil, nil, nil).Read()
		if result.Err != nil {
			t.Fatal(result.Err)
		}
		if got := string(result.Rows[0][0]); got != "0" {
			t.Errorf("the database holds %s things, want none", got)
		}
		if _, err := conn.Exec(ctx, "INSERT INTO things VALUES ('x')").ReadAll(); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
