package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/store/storetest"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
)

func open(t *testing.T) storetest.Store {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// The store does what every store must do.
func TestConformance(t *testing.T) { storetest.Run(t, open) }

// A thousand repetitions of one event are applied once.
func TestThousandEvents(t *testing.T) { storetest.ThousandEvents(t, open(t)) }

// An event amid completions leaves nothing to do.
func TestEventAmidCompletions(t *testing.T) { storetest.EventAmidCompletions(t, open(t)) }

// A crowd is no problem.
func TestCrowd(t *testing.T) { storetest.Crowd(t, open) }

// locked returns a store on a file that another process is writing to until the
// returned function is called.
func locked(t *testing.T) (storetest.Store, func()) {
	t.Helper()
	path := sqlitetest.Migrated(t, migrations.Files)
	store, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if err := store.CheckSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	transaction, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return store, func() { _ = transaction.Rollback() }
}

const workspace = "acme"

func create(t *testing.T, store storetest.Store) error {
	t.Helper()
	playbook, err := domain.NewPlaybook("0190b0a4-7c3e-7b1a-8f1e-000000000001", domain.Draft{Name: "n"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return store.CreatePlaybook(t.Context(), workspace, playbook)
}

// A writer waits for another one.
func TestWriterWaits(t *testing.T) {
	store, release := locked(t)
	time.AfterFunc(200*time.Millisecond, release)
	if err := create(t, store); err != nil {
		t.Errorf("CreatePlaybook: %v", err)
	}
}

// A writer that waits in vain finds the database unavailable.
func TestWriterGivesUp(t *testing.T) {
	long.Test(t)
	t.Parallel() // it takes as long as a writer waits
	store, release := locked(t)
	defer release()
	if err := create(t, store); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("CreatePlaybook: got kind %v (%v), want %v", domain.KindOf(err), err, domain.Unavailable)
	}
}

// A file that cannot be opened is unavailable, and one without tables is not
// ready.
func TestCheckFails(t *testing.T) {
	for _, test := range []struct {
		name, path string
		want       domain.Kind
	}{
		{"no folder", filepath.Join(t.TempDir(), "missing", "playbook.db"), domain.Unavailable},
		{"no tables", filepath.Join(t.TempDir(), "a b%?#.db"), domain.Unavailable},
	} {
		store, err := sqlite.Open(test.path)
		if err != nil {
			t.Fatal(err)
		}
		err = store.CheckSchema(t.Context())
		if err == nil || domain.KindOf(err) != test.want {
			t.Errorf("%s: got kind %v (%v), want %v", test.name, domain.KindOf(err), err, test.want)
		}
		store.Close()
	}
}

// A writer that waits for another one waits no longer than its caller does.
func TestWaitingWriterHasDeadline(t *testing.T) {
	store, release := locked(t)
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	playbook, err := domain.NewPlaybook("0190b0a4-7c3e-7b1a-8f1e-000000000001", domain.Draft{Name: "n"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	err = store.CreatePlaybook(ctx, workspace, playbook)
	if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || domain.KindOf(err) != 0 || took > 2*time.Second {
		t.Errorf("CreatePlaybook: got %v after %s, want the caller's deadline", err, took)
	}
}
