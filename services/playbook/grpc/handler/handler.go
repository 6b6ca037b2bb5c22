// Package handler puts the playbook service's use cases behind its gRPC API.
package handler

import (
	"context"
	"log/slog"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"google.golang.org/grpc"
)

// Register returns a function that adds the services to a server.
func Register(service *usecase.Service, log *slog.Logger) func(grpc.ServiceRegistrar) {
	return func(registrar grpc.ServiceRegistrar) {
		playbookv1.RegisterPlaybookServiceServer(registrar, &playbooks{service: service, log: log})
		playbookv1.RegisterEnrolmentServiceServer(registrar, &enrolments{service: service, log: log})
		playbookv1.RegisterTaskServiceServer(registrar, &tasks{service: service, log: log})
		playbookv1.RegisterKeyServiceServer(registrar, &keys{service: service, log: log})
	}
}

type playbooks struct {
	playbookv1.UnimplementedPlaybookServiceServer
	service *usecase.Service
	log     *slog.Logger
}

// CreatePlaybook stores a new draft.
func (p *playbooks) CreatePlaybook(ctx context.Context, request *playbookv1.CreatePlaybookRequest) (*playbookv1.CreatePlaybookResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	draft, err := draftFromProto(request)
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	playbook, err := p.service.CreatePlaybook(ctx, workspace, draft)
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	return &playbookv1.CreatePlaybookResponse{Playbook: playbookToProto(playbook)}, nil
}

// GetPlaybook returns one playbook.
func (p *playbooks) GetPlaybook(ctx context.Context, request *playbookv1.GetPlaybookRequest) (*playbookv1.GetPlaybookResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	playbook, err := p.service.GetPlaybook(ctx, workspace, request.GetId())
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	return &playbookv1.GetPlaybookResponse{Playbook: playbookToProto(playbook)}, nil
}

// ListPlaybooks returns one page.
func (p *playbooks) ListPlaybooks(ctx context.Context, request *playbookv1.ListPlaybooksRequest) (*playbookv1.ListPlaybooksResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	page, err := p.service.ListPlaybooks(ctx, workspace, int(request.GetPageSize()), request.GetPageToken())
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	response := &playbookv1.ListPlaybooksResponse{NextPageToken: page.NextToken}
	for _, playbook := range page.Playbooks {
		response.Playbooks = append(response.Playbooks, playbookToProto(playbook))
	}
	return response, nil
}

// ActivatePlaybook makes a draft usable for enrolments.
func (p *playbooks) ActivatePlaybook(ctx context.Context, request *playbookv1.ActivatePlaybookRequest) (*playbookv1.ActivatePlaybookResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	playbook, err := p.service.ActivatePlaybook(ctx, workspace, request.GetId(), request.GetExpectedRevision())
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	return &playbookv1.ActivatePlaybookResponse{Playbook: playbookToProto(playbook)}, nil
}

// UpdatePlaybook changes the fields that the mask names.
func (p *playbooks) UpdatePlaybook(ctx context.Context, request *playbookv1.UpdatePlaybookRequest) (*playbookv1.UpdatePlaybookResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	change, err := changeFromProto(request)
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	playbook, err := p.service.UpdatePlaybook(ctx, workspace, request.GetId(), request.GetExpectedRevision(), change)
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	return &playbookv1.UpdatePlaybookResponse{Playbook: playbookToProto(playbook)}, nil
}

// ArchivePlaybook keeps an active playbook for the record.
func (p *playbooks) ArchivePlaybook(ctx context.Context, request *playbookv1.ArchivePlaybookRequest) (*playbookv1.ArchivePlaybookResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	playbook, err := p.service.ArchivePlaybook(ctx, workspace, request.GetId(), request.GetExpectedRevision())
	if err != nil {
		return nil, toStatus(ctx, p.log, err)
	}
	return &playbookv1.ArchivePlaybookResponse{Playbook: playbookToProto(playbook)}, nil
}

type enrolments struct {
	playbookv1.UnimplementedEnrolmentServiceServer
	service *usecase.Service
	log     *slog.Logger
}

// EnrolContact puts a contact at the first step of a playbook.
func (e *enrolments) EnrolContact(ctx context.Context, request *playbookv1.EnrolContactRequest) (*playbookv1.EnrolContactResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	enrolment, err := e.service.EnrolContact(ctx, workspace, request.GetPlaybookId(), request.GetContact())
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	return &playbookv1.EnrolContactResponse{Enrolment: enrolmentToProto(enrolment)}, nil
}

// GetEnrolment returns one enrolment.
func (e *enrolments) GetEnrolment(ctx context.Context, request *playbookv1.GetEnrolmentRequest) (*playbookv1.GetEnrolmentResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	enrolment, err := e.service.GetEnrolment(ctx, workspace, request.GetId())
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	return &playbookv1.GetEnrolmentResponse{Enrolment: enrolmentToProto(enrolment)}, nil
}

// PauseEnrolment holds an enrolment.
func (e *enrolments) PauseEnrolment(ctx context.Context, request *playbookv1.PauseEnrolmentRequest) (*playbookv1.PauseEnrolmentResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	enrolment, err := e.service.PauseEnrolment(ctx, workspace, request.GetId())
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	return &playbookv1.PauseEnrolmentResponse{Enrolment: enrolmentToProto(enrolment)}, nil
}

// ResumeEnrolment continues a paused enrolment.
func (e *enrolments) ResumeEnrolment(ctx context.Context, request *playbookv1.ResumeEnrolmentRequest) (*playbookv1.ResumeEnrolmentResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	enrolment, err := e.service.ResumeEnrolment(ctx, workspace, request.GetId())
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	return &playbookv1.ResumeEnrolmentResponse{Enrolment: enrolmentToProto(enrolment)}, nil
}

// CancelEnrolment ends an enrolment before its last step.
func (e *enrolments) CancelEnrolment(ctx context.Context, request *playbookv1.CancelEnrolmentRequest) (*playbookv1.CancelEnrolmentResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	enrolment, err := e.service.CancelEnrolment(ctx, workspace, request.GetId())
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	return &playbookv1.CancelEnrolmentResponse{Enrolment: enrolmentToProto(enrolment)}, nil
}
