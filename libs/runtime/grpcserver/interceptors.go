package grpcserver

import (
	"context"
	"errors"
	"runtime/debug"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
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
// a deadline when it has none and timeout is not zero.
func (s *Server) begin(ctx context.Context, method string, timeout time.Duration) (context.Context, *requests.Request) {
	if !s.methods[method] {
		method = requests.Unmatched
	}
	return s.traffic.Begin(ctx, method, requests.Incoming{
		RequestID:   incoming(ctx, requestIDKey),
		Traceparent: incoming(ctx, "traceparent"),
		Tracestate:  incoming(ctx, "tracestate"),
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

// serverStream is a stream whose context carries its request and ends when the
// process wants it to.
type serverStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context returns the stream's context.
func (s *serverStream) Context() context.Context { return s.ctx }

// stream runs the handler beside itself, so that it can end a stream whose
// handler does not listen: one that waits in Recv, say. grpc-go then fails
// whatever the handler does next.
func (s *Server) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	if isProbe(info.FullMethod) {
		return next(service, stream)
	}
	ctx, request := s.begin(stream.Context(), info.FullMethod, 0)
	if request == nil {
		return errOverload
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer func() {
		cancel(nil)
		if err = toStatus(ctx, s.log, err); err != nil {
			stream.SetTrailer(metadata.Pairs(requestIDKey, request.ID))
		}
		request.End(result(err))
	}()
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() {
			s.recovered(ctx, info.FullMethod, recover(), &err)
			done <- err
		}()
		err = next(service, &serverStream{ServerStream: stream, ctx: ctx})
	}()
	select {
	case err := <-done:
		return err
	case <-request.Leaving():
	}
	cancel(errLeaving)
	select {
	case err := <-done:
		if errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled {
			// What ended is not the caller's patience but ours.
			return errLeaving
		}
		return err
	case <-time.After(max(s.tracker.Spread(), leaveTime)):
		return errLeaving
	}
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
