package grpcserver_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/grpcserver"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// method adds a service test.Service with one method Do.
func method(do func(context.Context) error) func(grpc.ServiceRegistrar) {
	return func(registrar grpc.ServiceRegistrar) {
		registrar.RegisterService(&grpc.ServiceDesc{
			ServiceName: "test.Service",
			HandlerType: (*any)(nil),
			Methods: []grpc.MethodDesc{{
				MethodName: "Do",
				Handler: func(_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
					request := &emptypb.Empty{}
					if err := decode(request); err != nil {
						return nil, err
					}
					return interceptor(ctx, request, &grpc.UnaryServerInfo{FullMethod: "/test.Service/Do"},
						func(ctx context.Context, _ any) (any, error) { return &emptypb.Empty{}, do(ctx) })
				},
			}},
		}, nil)
	}
}

// start serves on a free port and returns a connection.
func start(t *testing.T, state *health.State, do func(context.Context) error) (*grpcserver.Server, *grpc.ClientConn) {
	t.Helper()
	server := grpcserver.New(grpcserver.Config{Addr: "127.0.0.1:0"}, slog.New(slog.DiscardHandler), state, method(do))
	addr, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	conn, err := grpc.NewClient(addr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return server, conn
}

func do(ctx context.Context, conn *grpc.ClientConn) error {
	return conn.Invoke(ctx, "/test.Service/Do", &emptypb.Empty{}, &emptypb.Empty{})
}

func newState() *health.State { return health.New(slog.New(slog.DiscardHandler)) }

// Every name but liveness starts as NOT_SERVING and follows readiness.
func TestHealth(t *testing.T) {
	state := newState()
	_, conn := start(t, state, func(context.Context) error { return nil })
	client := grpc_health_v1.NewHealthClient(conn)
	serving, notServing := grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_NOT_SERVING
	expect := func(when string, want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for name, want := range map[string]grpc_health_v1.HealthCheckResponse_ServingStatus{
			"": want, "readiness": want, "test.Service": want, "liveness": serving,
		} {
			response, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name})
			if err != nil {
				t.Fatal(err)
			}
			if got := response.GetStatus(); got != want {
				t.Errorf("%s: %q is %v, want %v", when, name, got, want)
			}
		}
	}
	expect("at the start", notServing)
	state.Serving()
	expect("when ready", serving)
	state.Drain()
	expect("while draining", notServing)
	_, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "other"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("an unknown name: got %v, want NOT_FOUND", err)
	}
}

// Watch streams changes.
func TestHealthWatch(t *testing.T) {
	state := newState()
	_, conn := start(t, state, func(context.Context) error { return nil })
	stream, err := grpc_health_v1.NewHealthClient(conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "readiness"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []grpc_health_v1.HealthCheckResponse_ServingStatus{
		grpc_health_v1.HealthCheckResponse_NOT_SERVING, grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_NOT_SERVING,
	} {
		response, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if got := response.GetStatus(); got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
		if want == grpc_health_v1.HealthCheckResponse_NOT_SERVING {
			state.Serving()
		} else {
			state.Drain()
		}
	}
}

// A panic becomes INTERNAL without its text, and the server goes on.
func TestPanic(t *testing.T) {
	_, conn := start(t, newState(), func(context.Context) error { panic("secret") })
	for range 2 {
		err := do(t.Context(), conn)
		if status.Code(err) != codes.Internal || status.Convert(err).Message() != "internal error" {
			t.Errorf("got %v, want INTERNAL without details", err)
		}
	}
}

// Shutdown waits for a request in flight, which gets its answer.
func TestShutdownWaits(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	server, conn := start(t, newState(), func(context.Context) error {
		close(entered)
		<-release
		return nil
	})
	answered := make(chan error, 1)
	go func() { answered <- do(context.Background(), conn) }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- server.Shutdown(context.Background()) }()
	select {
	case err := <-stopped:
		t.Fatalf("Shutdown returned %v before the request had its answer", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the request: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// A request that never ends is cut off at the deadline and cannot hang
// Shutdown.
func TestShutdownCuts(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	server, conn := start(t, newState(), func(context.Context) error {
		close(entered)
		<-release
		return nil
	})
	answered := make(chan error, 1)
	go func() { answered <- do(context.Background(), conn) }()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, lifecycle.ErrCut) {
		t.Errorf("Shutdown: got %v, want %v", err, lifecycle.ErrCut)
	}
	if err := <-answered; status.Code(err) != codes.Unavailable {
		t.Errorf("the request: got %v, want UNAVAILABLE", err)
	}
}

// A port that is taken is reported by Listen.
func TestListenFails(t *testing.T) {
	first := grpcserver.New(grpcserver.Config{Addr: "127.0.0.1:0"}, slog.New(slog.DiscardHandler), newState(), method(nil))
	addr, err := first.Listen()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = first.Serve() }()
	defer first.Shutdown(context.Background())
	second := grpcserver.New(grpcserver.Config{Addr: config.HostPort(addr.String())}, slog.New(slog.DiscardHandler), newState(), method(nil))
	if _, err := second.Listen(); err == nil {
		t.Error("Listen on a port that is taken: got no error")
	}
}
