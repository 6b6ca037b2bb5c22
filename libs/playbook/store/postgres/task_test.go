package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres/databasetest"
	"github.com/soketsugo/soketsugo/libs/playbook/store/storetest"
	"github.com/soketsugo/soketsugo/libs/testing/long"
)

const firstTaskID = "0190b0a4-7c3e-7b1a-8f1e-000000000003"

func firstTask(enrolment domain.Enrolment, playbook domain.Playbook) domain.Task {
	return domain.FirstTask(firstTaskID, enrolment, playbook.Steps)
}

// Whatever is done to tasks, they are as a small model says, also where the
// policies hold.
func TestTaskModel(t *testing.T) {
	long.Test(t)
	storetest.TaskModel(t, open(t, databasetest.As(t, cluster.Database(t), databasetest.Server)))
}

// Workers complete each task once, whatever becomes of some of them.
func TestWorkers(t *testing.T) {
	long.Test(t)
	storetest.Workers(t, open(t, cluster.Database(t)), storetest.ManyTasks)
}

// Watchers are told of tasks.
func TestTasksAppear(t *testing.T) {
	storetest.TasksAppear(t, open(t, cluster.Database(t)))
}

const listeners = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"

// One connection serves all watchers of a store; it comes back when it is lost; and
// it ends with the last of them.
func TestListener(t *testing.T) {
	databaseURL := cluster.Database(t)
	store, admin := open(t, databaseURL), connect(t, databaseURL)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, second := store.TasksAppear(ctx, workspace), store.TasksAppear(ctx, workspace)
	stranger := store.TasksAppear(ctx, "rival")
	wantTold := func(what string, channels ...<-chan struct{}) {
		t.Helper()
		for _, told := range channels {
			select {
			case <-told:
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: somebody was not told", what)
			}
		}
	}
	wantTold("when it listens", first, second, stranger)
	waitFor(t, admin, listeners, "1")
	notify := "SELECT pg_notify('playbook_tasks', '" + workspace + "')"
	run(t, admin, notify)
	wantTold("when something appears", first, second)
	select {
	case <-stranger:
		t.Error("somebody else's workspace was told")
	case <-time.After(100 * time.Millisecond):
	}
	run(t, admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'")
	// What may have been missed meanwhile.
	wantTold("when it listens again", first, second, stranger)
	waitFor(t, admin, listeners, "1")
	run(t, admin, notify)
	wantTold("when something appears again", first, second)
	cancel()
	waitFor(t, admin, listeners, "0")
	again := store.TasksAppear(t.Context(), workspace)
	wantTold("when somebody watches again", again)
	store.Close()
	waitFor(t, admin, listeners, "0")
}

// Only what is due soon is worth telling of: notifications make commits wait for
// each other.
func TestNotifyOnlyIfSoon(t *testing.T) {
	databaseURL := cluster.Database(t)
	store := open(t, databaseURL)
	playbook := createActive(t, store)
	appear := store.TasksAppear(t.Context(), workspace)
	<-appear
	for _, test := range []struct {
		name, enrolment, task string
		due                   time.Time
		told                  bool
	}{
		{"late", "0190b0a4-7c3e-7b1a-8f1e-000000000010", "0190b0a4-7c3e-7b1a-8f1e-000000000011", time.Now().Add(time.Minute), false},
		{"soon", "0190b0a4-7c3e-7b1a-8f1e-000000000012", "0190b0a4-7c3e-7b1a-8f1e-000000000013", time.Now(), true},
	} {
		enrolment, err := domain.Enrol(test.enrolment, playbook, test.name, test.due)
		if err != nil {
			t.Fatal(err)
		}
		first := domain.FirstTask(test.task, enrolment, playbook.Steps)
		first.DueAt, first.ClaimableAt = test.due, test.due
		if err := store.CreateEnrolment(t.Context(), workspace, enrolment, first); err != nil {
			t.Fatal(err)
		}
		told := false
		select {
		case <-appear:
			told = true
		case <-time.After(500 * time.Millisecond):
		}
		if told != test.told {
			t.Errorf("of a task that is due %s the watcher was told: %v", test.name, told)
		}
	}
}
