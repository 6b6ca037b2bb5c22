package grpcserver_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/grpcserver"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/logging"
	"github.com/soketsugo/soketsugo/libs/runtime/metrics"
	"github.com/soketsugo/soketsugo/libs/runtime/mutualtls"
	"github.com/soketsugo/soketsugo/libs/runtime/reason"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
	"github.com/soketsugo/soketsugo/libs/testing/certificates"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handlers are those of the service test.Service: Do is unary, Flow streams in
// both directions.
type handlers struct {
	do   func(context.Context) error
	flow func(grpc.ServerStream) error
}

func (h handlers) register(registrar grpc.ServiceRegistrar) {
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
					func(ctx context.Context, _ any) (any, error) { return &emptypb.Empty{}, h.do(ctx) })
			},
		}},
		Streams: []grpc.StreamDesc{{
			StreamName: "Flow", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error { return h.flow(stream) },
		}},
	}, nil)
}

// fixture is a server that serves, with what can be seen of it.
type fixture struct {
	server  *grpcserver.Server
	state   *health.State
	tracker *requests.Tracker
	metrics *metrics.Registry
	conn    *grpc.ClientConn
	log     *lockedBuffer
}

// lockedBuffer holds the log.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
	flush func() error
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	_ = b.flush() // it writes to memory
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// start serves on a free port. The function changes the configuration before.
func start(t *testing.T, h handlers, change func(*grpcserver.Config, *requests.Config)) *fixture {
	t.Helper()
	var settings struct {
		Server   grpcserver.Config
		Requests requests.Config
		Health   health.Config
		Tracing  tracing.Config
	}
	config.Defaults(&settings)
	settings.Server.Addr, settings.Server.HealthAddr = "127.0.0.1:0", "127.0.0.1:0"
	settings.Server.TLS.Plaintext = true
	if change != nil {
		change(&settings.Server, &settings.Requests)
	}
	f := &fixture{metrics: metrics.New(), log: &lockedBuffer{}}
	logs := logging.Config{Level: "info", Format: "text"}
	buffer := logging.NewBuffer(f.log)
	log := logging.New(buffer, logs, requests.Annotate)
	f.log.flush = buffer.Flush
	tracer, err := tracing.New(settings.Tracing, "test", "1", log)
	if err != nil {
		t.Fatal(err)
	}
	f.state = health.New(settings.Health, log)
	f.tracker = requests.New(settings.Requests, log, logging.NewAccess(buffer, logs), f.metrics, tracer)
	if f.server, err = grpcserver.New(settings.Server, log, f.state, f.tracker, h.register); err != nil {
		t.Fatal(err)
	}
	if err := f.server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.server.Run() }()
	if f.conn, err = grpc.NewClient(f.server.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = f.server.Stop(ctx)
		if err := <-served; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return f
}

func (f *fixture) do(ctx context.Context, options ...grpc.CallOption) error {
	return f.conn.Invoke(ctx, "/test.Service/Do", &emptypb.Empty{}, &emptypb.Empty{}, options...)
}

func (f *fixture) flow(t *testing.T) grpc.ClientStream {
	t.Helper()
	stream, err := f.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Service/Flow")
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func (f *fixture) wantMetric(t *testing.T, line string) {
	t.Helper()
	var text strings.Builder
	f.metrics.Write(&text)
	if !strings.Contains(text.String(), line+"\n") {
		t.Errorf("the metrics lack %q", line)
	}
}

func wantCode(t *testing.T, what string, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// wantReason wants an error to say why, and returns how long to wait, if it says so.
func wantReason(t *testing.T, what string, err error, want string) (retry time.Duration) {
	t.Helper()
	got := ""
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if got = detail.GetReason(); detail.GetDomain() != "soketsugo" {
				t.Errorf("%s: the domain is %q", what, detail.GetDomain())
			}
		case *errdetails.RetryInfo:
			retry = detail.GetRetryDelay().AsDuration()
		}
	}
	if got != want {
		t.Errorf("%s: the reason is %q, want %q", what, got, want)
	}
	return retry
}

func succeed(context.Context) error { return nil }

// Every name but liveness starts as NOT_SERVING and follows readiness; liveness
// follows the heartbeat.
func TestHealth(t *testing.T) {
	f := start(t, handlers{do: succeed}, nil)
	client := grpc_health_v1.NewHealthClient(f.conn)
	serving, notServing := grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_NOT_SERVING
	expect := func(when string, want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		list, err := client.List(t.Context(), &grpc_health_v1.HealthListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]grpc_health_v1.HealthCheckResponse_ServingStatus{
			"": want, "readiness": want, "test.Service": want, "liveness": serving,
		} {
			response, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name})
			if err != nil {
				t.Fatal(err)
			}
			if got, listed := response.GetStatus(), list.GetStatuses()[name].GetStatus(); got != want || listed != want {
				t.Errorf("%s: %q is %v and listed as %v, want %v", when, name, got, listed, want)
			}
		}
	}
	expect("at the start", notServing)
	f.state.Serving()
	expect("when ready", serving)
	f.state.Drain(false)
	expect("while draining", notServing)
	_, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "other"})
	wantCode(t, "an unknown name", err, codes.NotFound)
	if f.log.String() != "" {
		t.Errorf("probes are in the log: %s", f.log)
	}
}

// Watch streams changes and ends with UNAVAILABLE when the process leaves.
func TestHealthWatch(t *testing.T) {
	f := start(t, handlers{do: succeed}, nil)
	client := grpc_health_v1.NewHealthClient(f.conn)
	stream, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "readiness"})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		want grpc_health_v1.HealthCheckResponse_ServingStatus
		next func()
	}{
		{grpc_health_v1.HealthCheckResponse_NOT_SERVING, f.state.Serving},
		{grpc_health_v1.HealthCheckResponse_SERVING, func() { f.state.Drain(false) }},
		{grpc_health_v1.HealthCheckResponse_NOT_SERVING, func() { f.tracker.Leave(0) }},
	} {
		response, err := stream.Recv()
		if err != nil || response.GetStatus() != step.want {
			t.Fatalf("got %v, %v, want %v", response, err, step.want)
		}
		step.next()
	}
	_, err = stream.Recv()
	wantCode(t, "when the process leaves", err, codes.Unavailable)
}

// A name that is not known is watched without an answer, as the protocol asks.
func TestHealthWatchUnknown(t *testing.T) {
	f := start(t, handlers{do: succeed}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := grpc_health_v1.NewHealthClient(f.conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: "other"})
	if err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil || response.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN {
		t.Errorf("got %v, %v", response, err)
	}
	cancel()
	_, err = stream.Recv()
	wantCode(t, "when the caller leaves", err, codes.Canceled)
}

// A panic becomes INTERNAL without its text, is counted, and the server goes
// on, whether the method is unary or a stream.
func TestPanic(t *testing.T) {
	f := start(t, handlers{
		do:   func(context.Context) error { panic("secret") },
		flow: func(grpc.ServerStream) error { panic("secret") },
	}, nil)
	for range 2 {
		err := f.do(t.Context())
		if status.Code(err) != codes.Internal || status.Convert(err).Message() != "internal error" {
			t.Errorf("got %v, want INTERNAL without details", err)
		}
		wantReason(t, "a panic", err, reason.Internal)
		err = f.flow(t).RecvMsg(&emptypb.Empty{})
		if status.Code(err) != codes.Internal || status.Convert(err).Message() != "internal error" {
			t.Errorf("a stream: got %v, want INTERNAL without details", err)
		}
	}
	f.wantMetric(t, "request_panics_total 4")
	if !strings.Contains(f.log.String(), "cause=secret") || !strings.Contains(f.log.String(), "stack=") {
		t.Errorf("the log lacks the cause or the stack: %s", f.log)
	}
}

// An error that is no status tells the caller nothing; one of a context has its
// code.
func TestErrors(t *testing.T) {
	var give error
	f := start(t, handlers{do: func(context.Context) error { return give }}, nil)
	for _, test := range []struct {
		give    error
		want    codes.Code
		message string
		outcome string
		reason  string
	}{
		{errors.New("password is hunter2"), codes.Internal, "internal error", "failed", reason.Internal},
		{context.DeadlineExceeded, codes.DeadlineExceeded, "context deadline exceeded", "failed", reason.DeadlineExceeded},
		{context.Canceled, codes.Canceled, "context canceled", "rejected", reason.Cancelled},
		{status.Error(codes.Unimplemented, "method Do not implemented"), codes.Unimplemented, "method Do not implemented", "rejected", reason.NoSuchOperation},
		// What it means is for the service to say.
		{status.Error(codes.NotFound, "no such thing"), codes.NotFound, "no such thing", "rejected", ""},
		{status.Error(codes.Unavailable, "try again"), codes.Unavailable, "try again", "failed", ""},
	} {
		give = test.give
		var trailer metadata.MD
		err := f.do(t.Context(), grpc.Trailer(&trailer))
		if status.Code(err) != test.want || status.Convert(err).Message() != test.message {
			t.Errorf("%v: got %v, want %v, %q", test.give, err, test.want, test.message)
		}
		wantReason(t, test.message, err, test.reason)
		if ids := trailer.Get("x-request-id"); len(ids) != 1 || !strings.Contains(f.log.String(), "request_id="+ids[0]) {
			t.Errorf("%v: the trailer holds the ID %v, which must be in the log: %s", test.give, ids, f.log)
		}
		f.wantMetric(t, `requests_total{transport="grpc",route="/test.Service/Do",code="`+test.want.String()+`",outcome="`+test.outcome+`"} 1`)
	}
}

// A request without a deadline gets one, and one that has a deadline keeps it.
func TestDeadline(t *testing.T) {
	var left time.Duration
	f := start(t, handlers{do: func(ctx context.Context) error {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		return nil
	}}, func(_ *grpcserver.Config, r *requests.Config) { r.Timeout = 10 * time.Second })
	if err := f.do(t.Context()); err != nil || left > 10*time.Second || left < 5*time.Second {
		t.Errorf("without a deadline: %v, %s left, want 10s", err, left)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := f.do(ctx); err != nil || left < 50*time.Second {
		t.Errorf("with a deadline: %v, %s left, want a minute", err, left)
	}
}

// The caller's own ID and trace are kept, and the handler can see them.
func TestRequestID(t *testing.T) {
	var seen string
	f := start(t, handlers{do: func(ctx context.Context) error {
		request := requests.From(ctx)
		seen = request.ID + " " + request.Span.TraceIDString()
		return nil
	}}, nil)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "mine",
		"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if err := f.do(ctx); err != nil || seen != "mine 4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("got %v; the handler saw %q", err, seen)
	}
}

// Methods that do not exist do not become routes.
func TestUnknownMethod(t *testing.T) {
	f := start(t, handlers{do: succeed}, nil)
	err := f.conn.Invoke(t.Context(), "/made.Up/Name", &emptypb.Empty{}, &emptypb.Empty{})
	wantCode(t, "an unknown method", err, codes.Unimplemented)
	wantReason(t, "an unknown method", err, reason.NoSuchOperation)
	f.wantMetric(t, `requests_total{transport="grpc",route="unmatched",code="Unimplemented",outcome="rejected"} 1`)
}

// Beyond the limit requests are refused at once, probes are not, and there is
// room again afterwards.
func TestOverload(t *testing.T) {
	entered, release := make(chan struct{}, 10), make(chan struct{})
	f := start(t, handlers{do: func(context.Context) error {
		entered <- struct{}{}
		<-release
		return nil
	}}, func(_ *grpcserver.Config, r *requests.Config) { r.MaxInFlight = 2 })
	answers := make(chan error, 2)
	for range 2 {
		go func() { answers <- f.do(t.Context()) }()
		<-entered
	}
	for range 3 {
		err := f.do(t.Context())
		wantCode(t, "a request too many", err, codes.ResourceExhausted)
		if retry := wantReason(t, "a request too many", err, reason.Overloaded); retry != time.Second {
			t.Errorf("a request too many is to be sent again after %s, want 1s", retry)
		}
	}
	if _, err := grpc_health_v1.NewHealthClient(f.conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "liveness"}); err != nil {
		t.Errorf("a probe was refused: %v", err)
	}
	f.wantMetric(t, `requests_shed_total{transport="grpc"} 3`)
	close(release)
	for range 2 {
		wantCode(t, "a request within the limit", <-answers, codes.OK)
	}
	wantCode(t, "a request afterwards", f.do(t.Context()), codes.OK)
}

// leave tells all requests to end and stops the server, within 5 s. It returns how
// the stream ended.
func (f *fixture) leave(t *testing.T, stream grpc.ClientStream) error {
	t.Helper()
	f.tracker.Leave(20 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- f.server.Stop(ctx) }()
	for {
		if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
			if err := <-stopped; err != nil {
				t.Errorf("Stop: %v", err)
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// Streams leave room for calls.
func TestStreamOverload(t *testing.T) {
	f := start(t, handlers{do: succeed, flow: func(stream grpc.ServerStream) error {
		return stream.RecvMsg(&emptypb.Empty{})
	}}, func(_ *grpcserver.Config, r *requests.Config) { r.MaxInFlight = 2 })
	f.flow(t)
	f.busy(t)
	defer time.AfterFunc(5*time.Second, func() { f.conn.Close() }).Stop() // one that is let in says nothing
	err := f.flow(t).RecvMsg(&emptypb.Empty{})
	wantCode(t, "a stream too many", err, codes.ResourceExhausted)
	wantReason(t, "a stream too many", err, reason.Overloaded)
	wantCode(t, "a call beside the stream", f.do(t.Context()), codes.OK)
}

// When the process leaves, each kind of stream ends with UNAVAILABLE: one that
// listens to its context, one that waits in Recv, and one that its caller sends more
// and more. One that has its own last word keeps it.
func TestStreamsLeave(t *testing.T) {
	for _, test := range []struct {
		name string
		flow func(grpc.ServerStream) error
		want codes.Code
	}{
		{"it listens to its context", func(stream grpc.ServerStream) error {
			<-stream.Context().Done()
			return stream.Context().Err()
		}, codes.Unavailable},
		{"it listens to its request", func(stream grpc.ServerStream) error {
			<-requests.From(stream.Context()).Leaving()
			return nil
		}, codes.OK},
		{"it waits in Recv", func(stream grpc.ServerStream) error { return stream.RecvMsg(&emptypb.Empty{}) }, codes.Unavailable},
		{"it receives for ever", func(stream grpc.ServerStream) error {
			for {
				if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
					return err
				}
			}
		}, codes.Unavailable},
		{"it has its own last word", func(stream grpc.ServerStream) error {
			<-stream.Context().Done()
			return status.Error(codes.Aborted, "mine")
		}, codes.Aborted},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, handlers{flow: test.flow}, nil)
			stream := f.flow(t)
			f.busy(t)
			if test.name == "it receives for ever" {
				go func() {
					for stream.SendMsg(&emptypb.Empty{}) == nil {
						time.Sleep(time.Millisecond)
					}
				}()
			}
			err := f.leave(t, stream)
			wantCode(t, "the stream", err, test.want)
			if test.want == codes.Unavailable {
				wantReason(t, "the stream", err, reason.Stopping)
			}
		})
	}
}

// What the handler of a stream has begun when the process leaves, it finishes, and
// the caller gets its answer, however long it takes; and then nothing more is begun,
// although there is more.
func TestStreamsFinish(t *testing.T) {
	begun, finish := make(chan struct{}, 2), make(chan struct{})
	f := start(t, handlers{flow: func(stream grpc.ServerStream) error {
		for {
			if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
				return err
			}
			begun <- struct{}{}
			<-finish
			if err := stream.SendMsg(&emptypb.Empty{}); err != nil {
				return err
			}
		}
	}}, nil)
	stream := f.flow(t)
	for range 2 {
		if err := stream.SendMsg(&emptypb.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
	<-begun
	time.AfterFunc(time.Second, func() { close(finish) }) // longer than anybody waits for a caller
	answers := 0
	f.tracker.Leave(20 * time.Millisecond)
	stopped := make(chan error, 1)
	go func() { stopped <- f.server.Stop(t.Context()) }()
	var err error
	for err == nil {
		if err = stream.RecvMsg(&emptypb.Empty{}); err == nil {
			answers++
		}
	}
	wantCode(t, "the stream", err, codes.Unavailable)
	wantReason(t, "the stream", err, reason.Stopping)
	if answers != 1 || len(begun) != 0 {
		t.Errorf("the caller got %d answers, want 1; %d more requests were begun, want 0", answers, len(begun))
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// A caller that has said all before the process leaves gets its answer, although its
// handler learns only afterwards that there is no more.
func TestStreamsFinishAfterLastMessage(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	f := start(t, handlers{flow: func(stream grpc.ServerStream) error {
		if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
			return err
		}
		close(begun)
		<-finish
		if err := stream.RecvMsg(&emptypb.Empty{}); !errors.Is(err, io.EOF) {
			return err
		}
		return stream.SendMsg(&emptypb.Empty{})
	}}, nil)
	stream := f.flow(t)
	if err := errors.Join(stream.SendMsg(&emptypb.Empty{}), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	<-begun
	time.AfterFunc(time.Second, func() { close(finish) }) // longer than anybody waits for a caller
	f.tracker.Leave(20 * time.Millisecond)
	stopped := make(chan error, 1)
	go func() { stopped <- f.server.Stop(t.Context()) }()
	if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
		t.Errorf("the answer: %v", err)
	}
	if err := stream.RecvMsg(&emptypb.Empty{}); !errors.Is(err, io.EOF) {
		t.Errorf("after the answer: got %v, want %v", err, io.EOF)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// A caller that takes nothing of what it is sent is not waited for, and none of ours
// is to blame: the request ends, and Stop neither counts it as cut nor waits for what
// is still on the way to it.
func TestStreamsLeaveCallerBehind(t *testing.T) {
	f := start(t, handlers{flow: func(stream grpc.ServerStream) error {
		for {
			if err := stream.SendMsg(&errdetails.DebugInfo{Detail: strings.Repeat("x", 100_000)}); err != nil {
				return err
			}
		}
	}}, nil)
	f.flow(t)
	f.busy(t)
	f.tracker.Leave(20 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for f.tracker.InFlight() > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if ctx.Err() != nil {
		t.Error("the process waits for a caller that takes nothing")
	}
	ctx, cancel = context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	if err := f.server.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if ctx.Err() != nil {
		t.Error("the stop waits for a caller that takes nothing")
	}
}

// busy waits until there is a request in flight.
func (f *fixture) busy(t *testing.T) {
	t.Helper()
	for !strings.Contains(f.inFlight(), "requests_in_flight 1\n") {
		time.Sleep(time.Millisecond)
	}
}

func (f *fixture) inFlight() string {
	var text strings.Builder
	f.metrics.Write(&text)
	return text.String()
}

// Stop waits for a request in flight, which gets its answer.
func TestStopWaits(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	f := start(t, handlers{do: func(context.Context) error {
		close(entered)
		<-release
		return nil
	}}, nil)
	answered := make(chan error, 1)
	go func() { answered <- f.do(context.Background()) }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- f.server.Stop(context.Background()) }()
	select {
	case err := <-stopped:
		t.Fatalf("Stop returned %v before the request had its answer", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	if err := errors.Join(<-answered, <-stopped); err != nil {
		t.Error(err)
	}
}

// A request that never ends is cut off at the deadline and cannot hang Stop, whether
// it is a call or a stream whose handler does not listen.
func TestStopCuts(t *testing.T) {
	for _, kind := range []string{"call", "stream"} {
		t.Run(kind, func(t *testing.T) {
			release := make(chan struct{})
			f := start(t, handlers{
				do:   func(context.Context) error { <-release; return nil },
				flow: func(grpc.ServerStream) error { <-release; return nil },
			}, nil)
			defer close(release)
			answered := make(chan error, 1)
			go func() {
				if kind == "call" {
					answered <- f.do(context.Background())
				} else {
					answered <- f.flow(t).RecvMsg(&emptypb.Empty{})
				}
			}()
			f.busy(t)
			f.tracker.Leave(0)
			ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond) // longer than anybody waits for a caller
			defer cancel()
			if err := f.server.Stop(ctx); !errors.Is(err, lifecycle.ErrCut) {
				t.Errorf("Stop: got %v, want %v", err, lifecycle.ErrCut)
			}
			wantCode(t, "the request", <-answered, codes.Unavailable)
		})
	}
}

// A connection is told to end when it is old, so that clients spread over new
// replicas, and no request is lost by that.
func TestConnectionAge(t *testing.T) {
	f := start(t, handlers{do: succeed}, func(c *grpcserver.Config, _ *requests.Config) { c.MaxConnectionAge = 100 * time.Millisecond })
	states := map[string]bool{}
	for begin := time.Now(); time.Since(begin) < 600*time.Millisecond; {
		if err := f.do(t.Context()); err != nil {
			t.Fatal(err)
		}
		states[f.conn.GetState().String()] = true
	}
	if len(states) < 2 {
		t.Errorf("the connection was only ever %v", states)
	}
}

// A port that is taken is reported by Start.
func TestStartFails(t *testing.T) {
	f := start(t, handlers{do: succeed}, nil)
	_, port, _ := net.SplitHostPort(f.server.Addr().String())
	settings := grpcserver.Config{Addr: config.HostPort("127.0.0.1:" + port), TLS: mutualtls.Config{Plaintext: true}}
	second, err := grpcserver.New(settings, slog.New(slog.DiscardHandler), f.state, f.tracker, handlers{}.register)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Start on a port that is taken: got %v", err)
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// With TLS, clients need a certificate, and probes have a port of their own where
// nothing else is served. Readiness is also that the API's port accepts
// connections.
func TestMutualTLS(t *testing.T) {
	authority := certificates.NewAuthority(t)
	files := certificates.FilesIn(t.TempDir())
	authority.Write(t, files, authority.Issue(t, "server"))
	f := start(t, handlers{do: succeed}, func(c *grpcserver.Config, _ *requests.Config) {
		c.TLS = mutualtls.Config{Cert: files.Cert, Key: files.Key, ClientCA: files.CA}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := f.do(ctx); status.Code(err) != codes.Unavailable {
		t.Errorf("a call in plain text: got %v, want UNAVAILABLE", err)
	}
	call := func(addr string, with credentials.TransportCredentials, method string) error {
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(with))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.Invoke(ctx, method, &emptypb.Empty{}, &emptypb.Empty{})
	}
	addr := f.server.Addr().String()
	if err := call(addr, credentials.NewTLS(authority.Client(t, "client")), "/test.Service/Do"); err != nil {
		t.Errorf("a call with a certificate: %v", err)
	}
	nobody := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: authority.Pool()}
	if err := call(addr, credentials.NewTLS(nobody), "/test.Service/Do"); status.Code(err) != codes.Unavailable {
		t.Errorf("a call without a certificate: got %v, want UNAVAILABLE", err)
	}

	beside := f.server.Beside()
	if len(beside) != 2 {
		t.Fatalf("%d components are beside the server, want 2", len(beside))
	}
	for _, component := range beside {
		if err := component.Start(ctx); err != nil {
			t.Fatal(err)
		}
		ran := make(chan error, 1)
		go func() { ran <- component.Run() }()
		t.Cleanup(func() {
			if err := errors.Join(component.Stop(context.Background()), <-ran); err != nil {
				t.Errorf("%s: %v", component.Name(), err)
			}
		})
	}
	probes, ok := beside[1].(interface{ Addr() net.Addr })
	if !ok {
		t.Fatalf("%s listens nowhere", beside[1].Name())
	}
	conn, err := grpc.NewClient(probes.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: grpcserver.LivenessService})
	if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("a probe in plain text: got %v, %v", answer, err)
	}
	if err := conn.Invoke(ctx, "/test.Service/Do", &emptypb.Empty{}, &emptypb.Empty{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("a call on the port of probes: got %v, want UNIMPLEMENTED", err)
	}
	names := map[string]bool{}
	for _, reason := range f.state.Report().Reasons {
		names[reason.Name] = true
	}
	if !names["grpc"] {
		t.Errorf("readiness does not look at the port: %v", names)
	}
}

// A server that has neither certificates nor leave to do without does not start.
func TestNoTLS(t *testing.T) {
	_, err := grpcserver.New(grpcserver.Config{}, nil, nil, requests.New(requests.Config{}, nil, nil, metrics.New(), nil), nil)
	if err == nil || !strings.Contains(err.Error(), "GRPC_PLAINTEXT=true") {
		t.Errorf("New: got %v", err)
	}
}
