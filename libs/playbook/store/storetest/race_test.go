//go:build race

// The suite with the race detector. It is one program for both stores, so that what
// they share is compiled with the detector once.
package storetest_test

import (
	"os"
	"testing"

	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres"
	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres/databasetest"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/store/storetest"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
)

var cluster = postgrestest.Cluster{Prepare: databasetest.Prepare}

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

func openPostgres(t *testing.T) storetest.Store {
	t.Helper()
	store, err := postgres.Open(databasetest.As(t, cluster.Database(t), databasetest.Server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

func openSQLite(t *testing.T) storetest.Store {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// onBoth runs a test on each store.
func onBoth(t *testing.T, test func(t *testing.T, open func(t *testing.T) storetest.Store)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) { test(t, openPostgres) })
	t.Run("sqlite", func(t *testing.T) { test(t, openSQLite) })
}

// Nothing in the suite is a race.
func TestConformance(t *testing.T) { onBoth(t, storetest.Run) }

// Nor are watchers.
func TestTasksAppear(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) storetest.Store) { storetest.TasksAppear(t, open(t)) })
}

// Nor are workers. There are fewer tasks for them, since the detector makes SQLite,
// which is C translated to Go, many times slower.
func TestWorkers(t *testing.T) {
	long.Test(t)
	onBoth(t, func(t *testing.T, open func(t *testing.T) storetest.Store) {
		storetest.Workers(t, open(t), storetest.ManyTasks/10)
	})
}
