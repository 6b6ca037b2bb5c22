package grpcserver

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/reason"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// errorDomain is whose reasons they are in the ErrorInfo of what the server says of
	// itself. A service has a domain of its own.
	errorDomain = "soketsugo"
	// retryAfter is what a caller is told to wait that was refused.
	retryAfter = time.Second
)

var (
	// errOverload is what a request gets that the process cannot hold.
	errOverload = because(status.New(codes.ResourceExhausted, "the server has as many requests as it can hold; try again later"),
		reason.Overloaded, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)})
	// errLeaving is what a stream gets that the drain ends. The code tells clients
	// to connect again, elsewhere.
	errLeaving = because(status.New(codes.Unavailable, "the server is stopping; connect again"), reason.Stopping)
	// errInternal tells the caller nothing; the log has the cause.
	errInternal = because(status.New(codes.Internal, "internal error"), reason.Internal)
	// errUnknown is what a method gets that no service has.
	errUnknown = because(status.New(codes.Unimplemented, "there is no such method"), reason.NoSuchOperation)
)

// because returns a status as an error that says its reason, with other details.
func because(plain *status.Status, why string, others ...protoadapt.MessageV1) error {
	info := &errdetails.ErrorInfo{Reason: why, Domain: errorDomain}
	detailed, err := plain.WithDetails(append([]protoadapt.MessageV1{info}, others...)...)
	if err != nil {
		// Only a status that is OK cannot have details.
		return plain.Err()
	}
	return detailed.Err()
}

// toStatus makes the error of a handler one that can be sent. Handlers return
// errors of package status; whatever else gets here is not for the caller's
// eyes.
func toStatus(ctx context.Context, log *slog.Logger, err error) error {
	if err == nil {
		return nil
	}
	if given, ok := status.FromError(err); ok {
		return explained(given, err)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		given := status.FromContextError(err)
		return explained(given, given.Err())
	}
	log.ErrorContext(ctx, "request failed", "error", err.Error())
	return errInternal
}

// explained returns the error err of a status, with a reason where the status has no
// details and a code that grpc-go and generated code use themselves.
func explained(given *status.Status, err error) error {
	why := ""
	switch given.Code() {
	case codes.Canceled:
		why = reason.Cancelled
	case codes.DeadlineExceeded:
		why = reason.DeadlineExceeded
	case codes.Internal:
		why = reason.Internal
	case codes.Unimplemented:
		why = reason.NoSuchOperation
	}
	if why == "" || len(given.Proto().GetDetails()) > 0 {
		return err
	}
	return because(given, why)
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
func unknown(any, grpc.ServerStream) error { return errUnknown }
