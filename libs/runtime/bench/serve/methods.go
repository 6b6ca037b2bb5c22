package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// What can be asked of a server. Echo answers at once; Work has a capacity.
const (
	EchoMethod = "/bench.Bench/Echo"
	WorkMethod = "/bench.Bench/Work"
	EchoPath   = "/v1/echo/4711"
	WorkPath   = "/v1/work"
)

// work is a thing of which there is a fixed number, such as the connections of a
// pool, and that each request holds for a time.
type work struct {
	slots chan struct{}
	time  time.Duration
}

func newWork(slots int, time time.Duration) *work {
	return &work{slots: make(chan struct{}, slots), time: time}
}

// do waits for a slot and holds it. The work itself cannot be interrupted.
func (w *work) do(ctx context.Context) error {
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.slots }()
	time.Sleep(w.time)
	return nil
}

func addRoutes(routes *mux.Router, work *work) {
	routes.HandleFunc("/v1/echo/{id}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := json.Marshal(map[string]string{"id": mux.Vars(r)["id"]}) // cannot fail
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}).Methods(http.MethodGet)
	routes.HandleFunc(WorkPath, func(w http.ResponseWriter, r *http.Request) {
		if work.do(r.Context()) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}).Methods(http.MethodGet)
}

// registerGRPC adds the service bench.Bench, without generated code.
func registerGRPC(work *work) func(grpc.ServiceRegistrar) {
	return func(registrar grpc.ServiceRegistrar) {
		registrar.RegisterService(&grpc.ServiceDesc{
			ServiceName: "bench.Bench",
			HandlerType: (*any)(nil),
			Methods: []grpc.MethodDesc{
				method("Echo", EchoMethod, func(_ context.Context, request any) (any, error) { return request, nil }),
				method("Work", WorkMethod, func(ctx context.Context, request any) (any, error) {
					if err := work.do(ctx); err != nil {
						return nil, status.FromContextError(err).Err()
					}
					return request, nil
				}),
			},
		}, nil)
	}
}

// method does what generated code does.
func method(name, full string, handle grpc.UnaryHandler) grpc.MethodDesc {
	return grpc.MethodDesc{
		MethodName: name,
		Handler: func(service any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			request := new(wrapperspb.BytesValue)
			if err := decode(request); err != nil {
				return nil, err
			}
			if interceptor == nil {
				return handle(ctx, request)
			}
			return interceptor(ctx, request, &grpc.UnaryServerInfo{Server: service, FullMethod: full}, handle)
		},
	}
}
