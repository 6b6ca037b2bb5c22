package handler_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// acme is a context for calls in a workspace, streams included.
func acme(t *testing.T) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "workspace", "acme")
}

// enrol puts a contact into a new active playbook of one step.
func enrol(t *testing.T, conn *grpc.ClientConn) *playbookv1.Enrolment {
	t.Helper()
	ctx, playbooks := acme(t), playbookv1.NewPlaybookServiceClient(conn)
	created, err := playbooks.CreatePlaybook(ctx, &playbookv1.CreatePlaybookRequest{
		Name: "n", Steps: []*playbookv1.Step{{Kind: playbookv1.StepKind_STEP_KIND_CALL, Title: "c ☎"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := created.GetPlaybook().GetId()
	if _, err := playbooks.ActivatePlaybook(ctx, &playbookv1.ActivatePlaybookRequest{Id: id}); err != nil {
		t.Fatal(err)
	}
	enrolled, err := playbookv1.NewEnrolmentServiceClient(conn).EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: id, Contact: "crm:1"})
	if err != nil {
		t.Fatal(err)
	}
	return enrolled.GetEnrolment()
}

// Everything about a task gets through, in both directions, in all that can be done
// to it.
func TestTasks(t *testing.T) {
	ctx, conn := acme(t), serveEmpty(t)
	tasks := playbookv1.NewTaskServiceClient(conn)
	enrolment := enrol(t, conn)
	watch, err := tasks.WatchTasks(ctx, &playbookv1.WatchTasksRequest{})
	if err != nil {
		t.Fatal(err)
	}
	told, err := watch.Recv()
	if err != nil {
		t.Fatal(err)
	}
	want := &playbookv1.Task{
		Id: told.GetTask().GetId(), EnrolmentId: enrolment.GetId(), PlaybookId: enrolment.GetPlaybookId(), PlaybookRevision: 2,
		Contact: "crm:1", Kind: playbookv1.StepKind_STEP_KIND_CALL, Title: "c ☎", DueAt: timestamppb.New(epoch),
		State: playbookv1.TaskState_TASK_STATE_PENDING, ClaimableAt: timestamppb.New(epoch),
	}
	compare := func(what string, got *playbookv1.Task) {
		t.Helper()
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	compare("what is watched", told.GetTask())
	claimed, err := tasks.ClaimTasks(ctx, &playbookv1.ClaimTasksRequest{Holder: "h", Limit: 5, Lease: durationpb.New(time.Hour)})
	if err != nil || len(claimed.GetTasks()) != 1 {
		t.Fatalf("ClaimTasks: got %v, %v", claimed, err)
	}
	want.State, want.Attempts, want.Holder = playbookv1.TaskState_TASK_STATE_LEASED, 1, "h"
	want.ClaimableAt = claimed.GetTasks()[0].GetClaimableAt()
	compare("what is claimed", claimed.GetTasks()[0])
	token := claimed.GetLeaseToken()
	renewed, err := tasks.RenewTask(ctx, &playbookv1.RenewTaskRequest{Id: want.GetId(), LeaseToken: token, Lease: durationpb.New(2 * time.Hour)})
	if err != nil || renewed.GetTask().GetClaimableAt().AsTime().Sub(want.GetClaimableAt().AsTime()) < 50*time.Minute {
		t.Fatalf("RenewTask: got %v, %v", renewed, err)
	}
	want.ClaimableAt = renewed.GetTask().GetClaimableAt()
	compare("what is renewed", renewed.GetTask())
	got, err := tasks.GetTask(ctx, &playbookv1.GetTaskRequest{Id: want.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	compare("what is read", got.GetTask())
	failed, err := tasks.FailTask(ctx, &playbookv1.FailTaskRequest{Id: want.GetId(), LeaseToken: token, Outcome: "busy"})
	if err != nil {
		t.Fatal(err)
	}
	want.State, want.Outcome, want.ClaimableAt = playbookv1.TaskState_TASK_STATE_PENDING, "busy", failed.GetTask().GetClaimableAt()
	compare("what failed", failed.GetTask())

	enrol(t, conn)
	claimed, err = tasks.ClaimTasks(ctx, &playbookv1.ClaimTasksRequest{Holder: "h"})
	if err != nil || len(claimed.GetTasks()) != 1 {
		t.Fatalf("ClaimTasks: got %v, %v", claimed, err)
	}
	done, err := tasks.CompleteTask(ctx, &playbookv1.CompleteTaskRequest{Id: claimed.GetTasks()[0].GetId(), LeaseToken: claimed.GetLeaseToken(), Outcome: "done"})
	if err != nil || done.GetTask().GetState() != playbookv1.TaskState_TASK_STATE_DONE || done.GetTask().GetOutcome() != "done" {
		t.Errorf("CompleteTask: got %v, %v", done, err)
	}
	if claimed, err = tasks.ClaimTasks(ctx, &playbookv1.ClaimTasksRequest{Holder: "h"}); err != nil || len(claimed.GetTasks()) != 0 || claimed.GetLeaseToken() != "" {
		t.Errorf("ClaimTasks where there are none: got %v, %v", claimed, err)
	}
}

// Mistakes have their codes.
func TestTaskErrors(t *testing.T) {
	ctx, tasks := acme(t), playbookv1.NewTaskServiceClient(serveEmpty(t))
	second := func(_ any, err error) error { return err }
	odd := &durationpb.Duration{Seconds: 1 << 60}
	for _, test := range []struct {
		name string
		err  error
		code codes.Code
	}{
		{"a claim for nobody", second(tasks.ClaimTasks(ctx, &playbookv1.ClaimTasksRequest{})), codes.InvalidArgument},
		{"a lease that is no duration", second(tasks.ClaimTasks(ctx, &playbookv1.ClaimTasksRequest{Holder: "h", Lease: odd})), codes.InvalidArgument},
		{"a renewal that is no duration", second(tasks.RenewTask(ctx, &playbookv1.RenewTaskRequest{Id: missing, LeaseToken: missing, Lease: odd})), codes.InvalidArgument},
		{"a renewal of none", second(tasks.RenewTask(ctx, &playbookv1.RenewTaskRequest{Id: missing, LeaseToken: missing})), codes.NotFound},
		{"a completion without an outcome", second(tasks.CompleteTask(ctx, &playbookv1.CompleteTaskRequest{Id: missing, LeaseToken: missing})), codes.InvalidArgument},
		{"a failure of none", second(tasks.FailTask(ctx, &playbookv1.FailTaskRequest{Id: missing, LeaseToken: missing, Outcome: "o"})), codes.NotFound},
		{"a missing task", second(tasks.GetTask(ctx, &playbookv1.GetTaskRequest{Id: missing})), codes.NotFound},
	} {
		if got := status.Code(test.err); got != test.code {
			t.Errorf("%s: got %v, want %v", test.name, test.err, test.code)
		}
	}
}

func (f *fake) Task(context.Context, domain.Workspace, string) (domain.Task, error) {
	return f.task, f.err
}

// Every state of a task gets through.
func TestEveryTaskState(t *testing.T) {
	store := &fake{}
	tasks := playbookv1.NewTaskServiceClient(serve(t, store))
	for _, state := range domain.TaskStates() {
		store.task.State = state
		got, err := tasks.GetTask(acme(t), &playbookv1.GetTaskRequest{Id: missing})
		if err != nil || got.GetTask().GetState().String() != "TASK_STATE_"+string(state) {
			t.Errorf("a task that is %s: got %v, %v", state, got, err)
		}
	}
}
