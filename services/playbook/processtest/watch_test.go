package processtest

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// watchTasks returns the contacts of the tasks that a stream tells of, and its error as
// the last thing.
func watchTasks(t *testing.T, conn *grpc.ClientConn) (contacts <-chan string, ended <-chan error) {
	t.Helper()
	// The workspace that inWorkspace gives to calls without a stream.
	ctx := metadata.AppendToOutgoingContext(t.Context(), "workspace", "default")
	stream, err := playbookv1.NewTaskServiceClient(conn).WatchTasks(ctx, &playbookv1.WatchTasksRequest{})
	if err != nil {
		t.Fatal(err)
	}
	told, failed := make(chan string, 1000), make(chan error, 1)
	go func() {
		for {
			response, err := stream.Recv()
			if err != nil {
				failed <- err
				return
			}
			told <- response.GetTask().GetContact()
		}
	}()
	return told, failed
}

// wantTold waits for a stream to tell of a contact.
func wantTold(t *testing.T, told <-chan string, want string) {
	t.Helper()
	select {
	case got := <-told:
		if got != want {
			t.Errorf("the watcher was told of %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("the watcher was not told of %q", want)
	}
}

// activePlaybook makes a playbook of one call, activates it, and returns its ID.
func activePlaybook(t *testing.T, conn grpc.ClientConnInterface) string {
	t.Helper()
	playbooks := playbookv1.NewPlaybookServiceClient(conn)
	created, err := playbooks.CreatePlaybook(soon(t), &playbookv1.CreatePlaybookRequest{
		Name: "n", Steps: []*playbookv1.Step{{Kind: playbookv1.StepKind_STEP_KIND_CALL, Title: "c"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := created.GetPlaybook().GetId()
	if _, err := playbooks.ActivatePlaybook(soon(t), &playbookv1.ActivatePlaybookRequest{Id: id}); err != nil {
		t.Fatal(err)
	}
	return id
}

// A watcher is told by one server what another one has stored, at once; when its
// server drains, the stream ends with UNAVAILABLE; and who watches again, elsewhere,
// is told of everything that nobody has claimed, what came in between included.
func TestWatchSurvivesDrain(t *testing.T) {
	t.Parallel()
	databaseURL := migrated(t)
	ctx := t.Context()
	leaving, log := start(t, grpcProcess, map[string]string{"DATABASE_URL": databaseURL})
	staying, _ := start(t, grpcProcess, map[string]string{"DATABASE_URL": databaseURL})
	if err := leaving.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := staying.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	other := dial(t, staying.Addr("grpc"))
	enrolments, tasks := playbookv1.NewEnrolmentServiceClient(other), playbookv1.NewTaskServiceClient(other)
	playbook := activePlaybook(t, other)
	enrol := func(n int) string {
		t.Helper()
		contact := fmt.Sprintf("crm:%d", n)
		if _, err := enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: playbook, Contact: contact}); err != nil {
			t.Fatal(err)
		}
		return contact
	}

	first := enrol(1)
	told, ended := watchTasks(t, dial(t, leaving.Addr("grpc")))
	wantTold(t, told, first)
	// Well within the time between two looks, so it must have been notified.
	begin := time.Now()
	second := enrol(2)
	wantTold(t, told, second)
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the watcher was told after %s, want at once", took)
	} else {
		t.Logf("the watcher was told after %s", took.Round(time.Millisecond))
	}

	leaving.Signal(syscall.SIGTERM)
	log.wait(t, "draining")
	select {
	case err := <-ended:
		if status.Code(err) != codes.Unavailable {
			t.Errorf("the stream ended with %v, want UNAVAILABLE", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the stream did not end")
	}
	finish(t, leaving, 0)

	// While nobody watches, one task is taken and another appears.
	claimed, err := tasks.ClaimTasks(ctx, &playbookv1.ClaimTasksRequest{Holder: "h"})
	if err != nil || len(claimed.GetTasks()) != 1 || claimed.GetTasks()[0].GetContact() != first {
		t.Fatalf("ClaimTasks: got %v, %v", claimed, err)
	}
	third := enrol(3)
	told, _ = watchTasks(t, other)
	wantTold(t, told, second)
	wantTold(t, told, third)
	wantTold(t, told, enrol(4))
	stop(t, staying, 0)
}
