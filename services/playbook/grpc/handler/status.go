package handler

import (
	"context"
	"errors"
	"log/slog"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// internalError tells the caller nothing; the log has the cause.
const internalError = "internal error"

// Domain is whose reasons they are that errors have in their ErrorInfo.
const Domain = "playbook"

// Code returns the gRPC code for a kind of error. A kind that it does not know
// is INTERNAL; a test holds it complete.
func Code(kind domain.Kind) codes.Code {
	switch kind {
	case domain.Invalid:
		return codes.InvalidArgument
	case domain.Unauthenticated:
		return codes.Unauthenticated
	case domain.Forbidden:
		return codes.PermissionDenied
	case domain.NotFound:
		return codes.NotFound
	case domain.AlreadyExists:
		return codes.AlreadyExists
	case domain.FailedPrecondition:
		return codes.FailedPrecondition
	case domain.Conflict:
		return codes.Aborted
	case domain.Unavailable:
		return codes.Unavailable
	default:
		return codes.Internal
	}
}

// toStatus turns an error of a use case into what the caller gets. Causes go to
// the log and never to the caller.
func toStatus(ctx context.Context, log *slog.Logger, err error) error {
	var typed *domain.Error
	if !errors.As(err, &typed) {
		// The caller's own deadline or cancellation is not our failure.
		if ctx.Err() != nil {
			return status.FromContextError(ctx.Err()).Err()
		}
		log.ErrorContext(ctx, "request failed", "error", err.Error())
		return detailed(status.New(codes.Internal, internalError), domain.Internal)
	}
	if typed.Kind == domain.Unavailable {
		log.WarnContext(ctx, "request failed", "error", err.Error())
	}
	result := status.New(Code(typed.Kind), typed.Message)
	if len(typed.Violations) == 0 {
		return detailed(result, typed.Reason())
	}
	mistakes := &errdetails.BadRequest{}
	for _, violation := range typed.Violations {
		mistakes.FieldViolations = append(mistakes.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field:       violation.Field,
			Description: violation.Description,
		})
	}
	return detailed(result, typed.Reason(), mistakes)
}

// detailed returns the error with its reason and other details.
func detailed(result *status.Status, reason domain.Reason, others ...protoadapt.MessageV1) error {
	info := &errdetails.ErrorInfo{Reason: string(reason), Domain: Domain}
	with, err := result.WithDetails(append([]protoadapt.MessageV1{info}, others...)...)
	if err != nil {
		// A name that is not valid UTF-8 cannot be encoded; the code still says
		// enough.
		return result.Err()
	}
	return with.Err()
}
