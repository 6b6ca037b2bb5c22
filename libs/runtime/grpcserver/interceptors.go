package grpcserver

import (
	"context"
	"runtime/debug"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/tap"
)

// requestIDKey is the metadata key of a request's ID, in both directions.
const requestIDKey = "x-request-id"

// isProbe says whether a method is one of the health service. Probes are
// neither counted nor limited nor logged.
func isProbe(method string) bool { return strings.HasPrefix(method, "/grpc.health.v1.Health/") }

// admit refuses a request before its body is read when the process is full.
func (s *Server) admit(ctx context.Context, info *tap.Info) (context.Context, error) {
	if !isProbe(info.FullMethodName) && s.traffic.Full() {
		return ctx, errOverload
	}
	return ctx, nil
}

// begin counts a request in. The request is nil when the process is full. It gets
// a deadline when it has none and timeout is not zero; a stream has no timeout.
func (s *Server) begin(ctx context.Context, method string, timeout time.Duration) (context.Context, *requests.Request) {
	if !s.methods[method] {
		method = requests.Unmatched
	}
	return s.traffic.Begin(ctx, method, requests.Incoming{
		RequestID:   incoming(ctx, requestIDKey),
		Traceparent: incoming(ctx, "traceparent"),
		Tracestate:  incoming(ctx, "tracestate"),
		Stream:      timeout == 0,
		Timeout:     timeout,
	})
}

func incoming(ctx context.Context, key string) string {
	if values := metadata.ValueFromIncomingContext(ctx, key); len(values) == 1 {
		return values[0]
	}
	return ""
}

func (s *Server) unary(ctx context.Context, message any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (response any, err error) {
	if isProbe(info.FullMethod) {
		return next(ctx, message)
	}
	ctx, request := s.begin(ctx, info.FullMethod, s.tracker.Timeout())
	if request == nil {
		return nil, errOverload
	}
	defer func() {
		s.recovered(ctx, info.FullMethod, recover(), &err)
		if err = toStatus(ctx, s.log, err); err != nil {
			// The ID is what a caller can give us to find the log by. A failure to
			// send it is a failure of the connection, which shows by itself.
			_ = grpc.SetTrailer(ctx, metadata.Pairs(requestIDKey, request.ID))
		}
		request.End(result(err))
	}()
	return next(ctx, message)
}

// recovered turns a panic into INTERNAL. The caller learns nothing of it; the
// log gets the stack.
func (s *Server) recovered(ctx context.Context, method string, cause any, err *error) {
	if cause == nil {
		return
	}
	s.tracker.Panicked()
	s.log.ErrorContext(ctx, "handler panicked", "method", method, "cause", cause, "stack", string(debug.Stack()))
	*err = errInternal
}
