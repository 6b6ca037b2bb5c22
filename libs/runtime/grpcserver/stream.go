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

	receives atomic.Int32 // what Recv is doing, one of the states below
	sends    atomic.Int64 // calls of Send, begun and ended: odd during one
	seen     int64        // sends when stuck last looked
}

// The states of Recv.
const (
	notReceiving = iota
	receiving
	closed
)

// Context returns the stream's context.
func (s *serverStream) Context() context.Context { return s.ctx }

// RecvMsg receives a message, unless the stream is closed. A message that comes when
// it was closed meanwhile is lost: its handler must not begin what nobody waits for.
func (s *serverStream) RecvMsg(message any) error {
	if !s.receives.CompareAndSwap(notReceiving, receiving) {
		return errLeaving
	}
	err := s.ServerStream.RecvMsg(message)
	if !s.receives.CompareAndSwap(receiving, notReceiving) {
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

// close lets nothing more be received. It says whether the handler was receiving.
func (s *serverStream) close() bool { return s.receives.Swap(closed) == receiving }

// stuck says whether the handler is in the same Send as at the last call: the caller
// does not take what it is sent.
func (s *serverStream) stuck() bool {
	before := s.seen
	s.seen = s.sends.Load()
	return s.seen%2 == 1 && s.seen == before
}
