package handler

import (
	"context"
	"log/slog"
	"time"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type tasks struct {
	playbookv1.UnimplementedTaskServiceServer
	service *usecase.Service
	log     *slog.Logger
}

// ClaimTasks gives due tasks to a holder.
func (t *tasks) ClaimTasks(ctx context.Context, request *playbookv1.ClaimTasksRequest) (*playbookv1.ClaimTasksResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	length, err := leaseFromProto(request.GetLease())
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	claimed, err := t.service.ClaimTasks(ctx, workspace, request.GetHolder(), int(request.GetLimit()), length)
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	response := &playbookv1.ClaimTasksResponse{}
	for _, task := range claimed {
		response.Tasks = append(response.Tasks, taskToProto(task))
		response.LeaseToken = task.LeaseToken
	}
	return response, nil
}

// RenewTask makes a lease run out later.
func (t *tasks) RenewTask(ctx context.Context, request *playbookv1.RenewTaskRequest) (*playbookv1.RenewTaskResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	length, err := leaseFromProto(request.GetLease())
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	task, err := t.service.RenewTask(ctx, workspace, usecase.Lease{TaskID: request.GetId(), Token: request.GetLeaseToken()}, length)
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	return &playbookv1.RenewTaskResponse{Task: taskToProto(task)}, nil
}

// CompleteTask ends a task that was done.
func (t *tasks) CompleteTask(ctx context.Context, request *playbookv1.CompleteTaskRequest) (*playbookv1.CompleteTaskResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	task, err := t.service.CompleteTask(ctx, workspace, usecase.Lease{TaskID: request.GetId(), Token: request.GetLeaseToken()}, request.GetOutcome())
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	return &playbookv1.CompleteTaskResponse{Task: taskToProto(task)}, nil
}

// FailTask gives back a task that could not be done.
func (t *tasks) FailTask(ctx context.Context, request *playbookv1.FailTaskRequest) (*playbookv1.FailTaskResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	task, err := t.service.FailTask(ctx, workspace, usecase.Lease{TaskID: request.GetId(), Token: request.GetLeaseToken()}, request.GetOutcome())
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	return &playbookv1.FailTaskResponse{Task: taskToProto(task)}, nil
}

// GetTask returns one task.
func (t *tasks) GetTask(ctx context.Context, request *playbookv1.GetTaskRequest) (*playbookv1.GetTaskResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	task, err := t.service.GetTask(ctx, workspace, request.GetId())
	if err != nil {
		return nil, toStatus(ctx, t.log, err)
	}
	return &playbookv1.GetTaskResponse{Task: taskToProto(task)}, nil
}

// WatchTasks tells of tasks that can be claimed.
func (t *tasks) WatchTasks(_ *playbookv1.WatchTasksRequest, stream grpc.ServerStreamingServer[playbookv1.WatchTasksResponse]) error {
	ctx := stream.Context()
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return toStatus(ctx, t.log, err)
	}
	err = t.service.WatchTasks(ctx, workspace, func(task domain.Task) error {
		return stream.Send(&playbookv1.WatchTasksResponse{Task: taskToProto(task)})
	})
	return toStatus(ctx, t.log, err)
}

// leaseFromProto refuses durations that Go would silently cut to its own range.
func leaseFromProto(lease *durationpb.Duration) (time.Duration, error) {
	if lease != nil && lease.CheckValid() != nil {
		return 0, domain.InvalidField("lease", "must be a valid duration")
	}
	return lease.AsDuration(), nil
}

func taskToProto(task domain.Task) *playbookv1.Task {
	return &playbookv1.Task{
		Id:               task.ID,
		EnrolmentId:      task.EnrolmentID,
		PlaybookId:       task.PlaybookID,
		PlaybookRevision: task.PlaybookRevision,
		Contact:          task.Contact,
		Step:             int32(task.Step),
		Kind:             stepKindToProto(task.Kind),
		Title:            task.Title,
		DueAt:            timestamppb.New(task.DueAt),
		State:            taskStateToProto(task.State),
		ClaimableAt:      timestamppb.New(task.ClaimableAt),
		Attempts:         int32(task.Attempts),
		Holder:           task.Holder,
		Outcome:          task.Outcome,
	}
}

func taskStateToProto(state domain.TaskState) playbookv1.TaskState {
	switch state {
	case domain.TaskPending:
		return playbookv1.TaskState_TASK_STATE_PENDING
	case domain.TaskLeased:
		return playbookv1.TaskState_TASK_STATE_LEASED
	case domain.TaskDone:
		return playbookv1.TaskState_TASK_STATE_DONE
	case domain.TaskFailed:
		return playbookv1.TaskState_TASK_STATE_FAILED
	case domain.TaskCancelled:
		return playbookv1.TaskState_TASK_STATE_CANCELLED
	default:
		return playbookv1.TaskState_TASK_STATE_UNSPECIFIED
	}
}
