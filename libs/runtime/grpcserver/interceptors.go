package grpcserver

import (
	"context"
	"runtime/debug"
	"strings"

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

// begin counts a request in: a call, which gets a deadline when it has none, or a
// stream. The request is nil when the process is full.
func (s *Server) begin(ctx context.Context, method string, stream bool) (context.Context, *requests.Request) {
	if !s.methods[method] {
		method = requests.Unmatched
	}
	said := requests.Incoming{
		RequestID:   incoming(ctx, requestIDKey),
		Traceparent: incoming(ctx, "traceparent"),
		Tracestate:  incoming(ctx, "tracestate"),
		Stream:      stream,
	}
	if !stream {
		said.Timeout = s.tracker.Timeout()
	}
	return s.traffic.Begin(ctx, method, said)
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
	ctx, request := s.begin(ctx, info.FullMethod, false)
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
