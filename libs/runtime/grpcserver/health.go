package grpcserver

import (
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Names that probes ask the health service for. They differ, so that a probe
// for one cannot be answered by the other.
const (
	// LivenessService answers SERVING unless the process is stuck.
	LivenessService = "liveness"
	// ReadinessService answers SERVING when the process should get traffic; so do
	// the empty name and every full service name.
	ReadinessService = "readiness"
)

// registerHealth adds the standard health service. grpc-go starts it as
// SERVING for the empty name; here every name starts as NOT_SERVING.
func registerHealth(server *grpc.Server, state *health.State) {
	names := []string{"", ReadinessService}
	for name := range server.GetServiceInfo() {
		names = append(names, name)
	}
	service := grpchealth.NewServer()
	grpc_health_v1.RegisterHealthServer(server, service)
	state.Watch(func(ready bool) {
		status := grpc_health_v1.HealthCheckResponse_NOT_SERVING
		if ready {
			status = grpc_health_v1.HealthCheckResponse_SERVING
		}
		for _, name := range names {
			service.SetServingStatus(name, status)
		}
	})
	// Who gets an answer at all talks to a process that is alive.
	service.SetServingStatus(LivenessService, grpc_health_v1.HealthCheckResponse_SERVING)
}
