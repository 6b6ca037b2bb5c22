package grpcserver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// stream ends a stream when the process wants it to. Its handler learns that by its
// context, and what it has begun it may finish, until the drain's own deadline: what
// it has done and not told, the caller would not know of. Only one that waits for its
// caller is not waited for, since neither Recv nor Send can be told to return: the
// handler runs beside this function, which leaves it behind. grpc-go then fails
// whatever the handler does next.
func (s *Server) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	if isProbe(info.FullMethod) {
		return next(service, stream)
	}
	ctx, request := s.begin(stream.Context(), info.FullMethod, true)
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
	watched := &serverStream{ServerStream: stream, ctx: ctx}
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() {
			s.recovered(ctx, info.FullMethod, recover(), &err)
			done <- err
		}()
		err = next(service, watched)
	}()
	select {
	case err := <-done:
		return err
	case <-request.Leaving():
	}
	cancel(errLeaving)
	patience := time.NewTicker(max(s.tracker.Spread(), leaveTime))
	defer patience.Stop()
	for {
		select {
		case err := <-done:
			if errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled {
				// What ended is not the caller's patience but ours.
				return errLeaving
			}
			return err
		case <-patience.C:
			if watched.close() || watched.stuck() {
				return errLeaving
			}
		}
	}
}

// serverStream is a stream whose context carries its request and ends when the
// process wants it to. It knows when its handler waits for the caller.
type serverStream struct {
	grpc.ServerStream
	ctx context.Context

	receiving atomic.Bool  // whether the handler is in Recv
	closed    atomic.Bool  // whether it may receive no more messages
	sends     atomic.Int64 // calls of Send, begun and ended: odd during one
	seen      int64        // sends when stuck last looked
}

// Context returns the stream's context.
func (s *serverStream) Context() context.Context { return s.ctx }

// RecvMsg receives a message, unless the stream is closed: its handler must not begin
// what nobody waits for. That the caller has said all is told even then, as an answer
// to all of it may be what is left to do.
func (s *serverStream) RecvMsg(message any) error {
	s.receiving.Store(true)
	err := s.ServerStream.RecvMsg(message)
	s.receiving.Store(false)
	if err == nil && s.closed.Load() {
		return errLeaving
	}
	return err
}

// SendMsg sends a message.
func (s *serverStream) SendMsg(message any) error {
	s.sends.Add(1)
	defer s.sends.Add(1)
	return s.ServerStream.SendMsg(message)
}

// close lets no more messages be received. It says whether the handler is receiving:
// what comes in that call is lost then.
func (s *serverStream) close() bool {
	s.closed.Store(true)
	return s.receiving.Load()
}

// stuck says whether the handler is in the same Send as at the last call: the caller
// does not take what it is sent.
func (s *serverStream) stuck() bool {
	before := s.seen
	s.seen = s.sends.Load()
	return s.seen%2 == 1 && s.seen == before
}
