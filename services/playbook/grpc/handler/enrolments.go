package handler

import (
	"context"
	"errors"
	"fmt"
	"io"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// maxContacts is how many contacts one request of a stream may have: the answer to
// more might be larger than what clients take.
const maxContacts = 1000

// EnrolContacts answers each request with what became of its contacts. A request that
// was begun is done to its end, whether the caller gives up or the server stops:
// where one has an answer nobody need ask what became of it, and where the next has
// none nothing was done. Only the caller's deadline ends one halfway, and the end of
// the time that a server has to stop; and a caller that does not take its answers while
// a server stops may miss one. Whoever sends those contacts again learns that they are
// enrolled.
func (e *enrolments) EnrolContacts(stream grpc.BidiStreamingServer[playbookv1.EnrolContactsRequest, playbookv1.EnrolContactsResponse]) error {
	ctx := stream.Context()
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return toStatus(ctx, e.log, err)
	}
	begun := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		begun, cancel = context.WithDeadline(begun, deadline)
		defer cancel()
	}
	for left := usecase.MaxContacts; ctx.Err() == nil; {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		contacts := request.GetContacts()
		if left -= len(contacts); left < 0 || len(contacts) > maxContacts {
			return toStatus(ctx, e.log, domain.InvalidField("contacts",
				fmt.Sprintf("must have at most %d items, and at most %d in all requests together", maxContacts, usecase.MaxContacts)))
		}
		results, err := e.service.EnrolContacts(begun, workspace, request.GetPlaybookId(), contacts)
		if err != nil {
			return toStatus(begun, e.log, err)
		}
		if last := results[len(results)-1].Err; last != nil {
			// What stopped it halfway is in the last result; it belongs into the log.
			_ = toStatus(begun, e.log, last)
		}
		response := &playbookv1.EnrolContactsResponse{}
		for _, result := range results {
			response.Results = append(response.Results, resultToProto(result))
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func resultToProto(result usecase.EnrolmentResult) *playbookv1.EnrolContactsResult {
	message := &playbookv1.EnrolContactsResult{Contact: result.Contact}
	var typed *domain.Error
	switch {
	case result.Err == nil:
		message.Enrolment = enrolmentToProto(result.Enrolment)
	case errors.As(result.Err, &typed):
		message.Code, message.Reason, message.Message = int32(Code(typed.Kind)), string(typed.Reason()), typed.Public()
	default:
		message.Code, message.Reason, message.Message = int32(codes.Internal), string(domain.Internal), internalError
	}
	return message
}

// ListEnrolments returns one page.
func (e *enrolments) ListEnrolments(ctx context.Context, request *playbookv1.ListEnrolmentsRequest) (*playbookv1.ListEnrolmentsResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	filter := usecase.EnrolmentFilter{
		PlaybookID: request.GetPlaybookId(), State: enrolmentStateFromProto(request.GetState()), Contact: request.GetContact(),
	}
	page, err := e.service.ListEnrolments(ctx, workspace, filter, int(request.GetPageSize()), request.GetPageToken())
	if err != nil {
		return nil, toStatus(ctx, e.log, err)
	}
	response := &playbookv1.ListEnrolmentsResponse{NextPageToken: page.NextToken}
	for _, enrolment := range page.Enrolments {
		response.Enrolments = append(response.Enrolments, enrolmentToProto(enrolment))
	}
	return response, nil
}
