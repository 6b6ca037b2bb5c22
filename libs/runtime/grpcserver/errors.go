package grpcserver

import (
	"context"
	"errors"
	"log/slog"

	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	// errOverload is what a request gets that the process cannot hold.
	errOverload = status.Error(codes.ResourceExhausted, "the server has as many requests as it can hold; try again later")
	// errLeaving is what a stream gets that the drain ends. The code tells clients
	// to connect again, elsewhere.
	errLeaving = status.Error(codes.Unavailable, "the server is stopping; connect again")
	// errInternal tells the caller nothing; the log has the cause.
	errInternal = status.Error(codes.Internal, "internal error")
)

// toStatus makes the error of a handler one that can be sent. Handlers return
// errors of package status; whatever else gets here is not for the caller's
// eyes.
func toStatus(ctx context.Context, log *slog.Logger, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return status.FromContextError(err).Err()
	}
	log.ErrorContext(ctx, "request failed", "error", err.Error())
	return errInternal
}

// result says how a request ended.
func result(err error) requests.Result {
	code := status.Code(err)
	return requests.Result{Code: code.String(), Outcome: outcome(code)}
}

// outcome says whose fault a code is. A code that it does not know is ours.
func outcome(code codes.Code) requests.Outcome {
	switch code {
	case codes.OK:
		return requests.OK
	case codes.Canceled, codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied,
		codes.ResourceExhausted, codes.FailedPrecondition, codes.Aborted, codes.OutOfRange, codes.Unimplemented,
		codes.Unauthenticated:
		return requests.Rejected
	default:
		return requests.Failed
	}
}

// unknown answers a method that no service has.
func unknown(any, grpc.ServerStream) error {
	return status.Error(codes.Unimplemented, "there is no such method")
}
