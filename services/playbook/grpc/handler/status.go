package handler

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// internalError tells the caller nothing; the log has the cause.
	internalError = "internal error"
	// retryAfter is what a caller is told to wait that may try again.
	retryAfter = time.Second
)

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
		// The caller's own deadline or cancellation is not our failure. The server
		// knows how to say so.
		if ctx.Err() != nil {
			return ctx.Err()
		}
		log.ErrorContext(ctx, "request failed", "error", err.Error())
		return detailed(status.New(codes.Internal, internalError), &errdetails.ErrorInfo{Reason: string(domain.Internal), Domain: Domain})
	}
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: string(typed.Reason()), Domain: Domain, Metadata: typed.Metadata}}
	if typed.Kind == domain.Unavailable {
		log.WarnContext(ctx, "request failed", "error", err.Error())
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)})
	}
	if len(typed.Violations) > 0 {
		mistakes := &errdetails.BadRequest{}
		for _, violation := range typed.Violations {
			mistakes.FieldViolations = append(mistakes.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field:       violation.Field,
				Description: violation.Description,
			})
		}
		details = append(details, mistakes)
	}
	return detailed(status.New(Code(typed.Kind), typed.Message), details...)
}

// detailed returns the error with details.
func detailed(result *status.Status, details ...protoadapt.MessageV1) error {
	with, err := result.WithDetails(details...)
	if err != nil {
		// A name that is not valid UTF-8 cannot be encoded; the code still says
		// enough.
		return result.Err()
	}
	return with.Err()
}
