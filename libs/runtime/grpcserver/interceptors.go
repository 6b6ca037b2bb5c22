package grpcserver

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func recoverUnary(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (response any, err error) {
		defer recovered(ctx, log, info.FullMethod, &err)
		return next(ctx, request)
	}
}

func recoverStream(log *slog.Logger) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
		defer recovered(stream.Context(), log, info.FullMethod, &err)
		return next(service, stream)
	}
}

// recovered turns a panic into INTERNAL. The caller learns nothing of it; the
// log gets the stack.
func recovered(ctx context.Context, log *slog.Logger, method string, err *error) {
	if cause := recover(); cause != nil {
		log.ErrorContext(ctx, "handler panicked", "method", method, "cause", cause, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "internal error")
	}
}

func logUnary(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		begin := time.Now()
		response, err := next(ctx, request)
		logRequest(ctx, log, info.FullMethod, begin, err)
		return response, err
	}
}

func logStream(log *slog.Logger) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		begin := time.Now()
		err := next(service, stream)
		logRequest(stream.Context(), log, info.FullMethod, begin, err)
		return err
	}
}

// logRequest writes the access log. Probes come every few seconds and say
// nothing new, so they are written at level debug.
func logRequest(ctx context.Context, log *slog.Logger, method string, begin time.Time, err error) {
	level := slog.LevelInfo
	if strings.HasPrefix(method, "/grpc.health.v1.Health/") {
		level = slog.LevelDebug
	}
	log.LogAttrs(ctx, level, "request",
		slog.String("method", method),
		slog.String("code", status.Code(err).String()),
		slog.Float64("seconds", time.Since(begin).Seconds()))
}
