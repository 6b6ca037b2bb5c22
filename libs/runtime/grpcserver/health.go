package grpcserver

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
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

// healthService is grpc.health.v1 over a health.State. grpc-go's own has to be
// told of every change and says SERVING before anything is known; this one looks
// at the same state as every other probe when it is asked.
type healthService struct {
	grpc_health_v1.UnimplementedHealthServer
	state   *health.State
	tracker *requests.Tracker
	// names maps each name that can be asked for to what answers it.
	names map[string]func() bool
}

func newHealthService(state *health.State, tracker *requests.Tracker, services []string) *healthService {
	s := &healthService{state: state, tracker: tracker, names: map[string]func() bool{
		LivenessService:  state.Alive,
		ReadinessService: state.IsReady,
	}}
	for _, name := range services {
		s.names[name] = state.IsReady
	}
	return s
}

func statusOf(ok bool) *grpc_health_v1.HealthCheckResponse {
	if ok {
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_NOT_SERVING}
}

// Check answers a probe.
func (s *healthService) Check(_ context.Context, request *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	answer, known := s.names[request.GetService()]
	if !known {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	return statusOf(answer()), nil
}

// List answers for every name at once.
func (s *healthService) List(context.Context, *grpc_health_v1.HealthListRequest) (*grpc_health_v1.HealthListResponse, error) {
	response := &grpc_health_v1.HealthListResponse{Statuses: map[string]*grpc_health_v1.HealthCheckResponse{}}
	for name, answer := range s.names {
		response.Statuses[name] = statusOf(answer())
	}
	return response, nil
}

// Watch streams the status of a name, now and whenever it changes, until the
// caller leaves or the process stops. A name that is not known is answered
// SERVICE_UNKNOWN, and the stream goes on, as the protocol asks for.
func (s *healthService) Watch(request *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	answer, known := s.names[request.GetService()]
	if !known {
		answer = func() bool { return false }
	}
	// Nothing tells of a heart that stops beating, so liveness is looked at.
	tick := time.NewTicker(health.BeatInterval)
	defer tick.Stop()
	var last *grpc_health_v1.HealthCheckResponse
	for {
		_, changed := s.state.Ready()
		now := statusOf(answer())
		if !known {
			now.Status = grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN
		}
		if last == nil || last.GetStatus() != now.GetStatus() {
			if err := stream.Send(now); err != nil {
				return err
			}
			last = now
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-s.tracker.Left():
			// Watchers are told one after the other too, lest they all come back at once.
			select {
			case <-time.After(s.tracker.Spread() * time.Duration(rand.IntN(100)) / 100):
			case <-stream.Context().Done():
			}
			return errLeaving
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		}
	}
}
