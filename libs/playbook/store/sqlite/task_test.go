package sqlite_test

import (
	"testing"

	"github.com/soketsugo/soketsugo/libs/playbook/store/storetest"
	"github.com/soketsugo/soketsugo/libs/testing/long"
)

// Whatever is done to tasks, they are as a small model says.
func TestTaskModel(t *testing.T) {
	long.Test(t)
	storetest.TaskModel(t, open(t))
}

// Workers complete each task once, whatever becomes of some of them.
func TestWorkers(t *testing.T) {
	long.Test(t)
	storetest.Workers(t, open(t), storetest.ManyTasks)
}

// Watchers look for tasks.
func TestTasksAppear(t *testing.T) { storetest.TasksAppear(t, open(t)) }
