// Package grpcserver makes the gRPC server of a process: health service,
// limits, deadlines, recovery, and a part in everything that package requests
// does. A main names the services; nothing else is left to it.
package grpcserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/mutualtls"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
)

// Server is a lifecycle.Component.
type Server struct {
	addr     string
	log      *slog.Logger
	grpc     *grpc.Server
	traffic  *requests.Transport
	tracker  *requests.Tracker
	methods  map[string]bool
	listener net.Listener
	// started is closed when the listener is open.
	started chan struct{}
	// beside are the parts of a server with TLS that are no server of the API.
	beside []lifecycle.Component
}

var _ lifecycle.Component = (*Server)(nil)

// New returns a server with the services that register adds. Its health
// service follows state. It fails when the settings of TLS cannot be used.
func New(config Config, log *slog.Logger, state *health.State, tracker *requests.Tracker, register func(grpc.ServiceRegistrar)) (*Server, error) {
	s := &Server{
		addr: string(config.Addr), log: log,
		tracker: tracker, traffic: tracker.Transport("grpc"), methods: map[string]bool{},
		started: make(chan struct{}),
	}
	certificates, err := mutualtls.Open(config.TLS, log)
	if err != nil {
		return nil, err
	}
	transport := insecure.NewCredentials()
	if certificates != nil {
		transport = credentials.NewTLS(certificates.Server())
	}
	s.grpc = grpc.NewServer(
		grpc.Creds(transport),
		grpc.MaxRecvMsgSize(maxMessageSize),
		grpc.MaxSendMsgSize(maxMessageSize),
		grpc.MaxHeaderListSize(maxHeaderSize),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.ReadBufferSize(readBufferSize),
		grpc.SharedWriteBuffer(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle:     maxConnectionIdle,
			MaxConnectionAge:      config.MaxConnectionAge,
			MaxConnectionAgeGrace: tracker.Timeout() + connectionAgeGrace,
			Time:                  keepaliveTime,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             minPingInterval,
			PermitWithoutStream: true,
		}),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.InTapHandle(s.admit),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
		grpc.UnknownServiceHandler(unknown),
	)
	register(s.grpc)
	if config.Reflection {
		reflection.Register(s.grpc)
	}
	names := []string{""}
	for service, info := range s.grpc.GetServiceInfo() {
		names = append(names, service)
		for _, method := range info.Methods {
			s.methods["/"+service+"/"+method.Name] = true
		}
	}
	probes := newHealthService(state, tracker, names)
	grpc_health_v1.RegisterHealthServer(s.grpc, probes)
	if certificates != nil {
		s.beside = []lifecycle.Component{
			lifecycle.Background("certificates", certificates.Run, certificates.Stop),
			newHealthServer(string(config.HealthAddr), probes),
		}
		// The probes ask another port, which says nothing of this one.
		state.AddCheck(health.Check{Name: "grpc", Run: s.dial})
	}
	return s, nil
}

// Beside are components that a server with TLS needs besides itself. They start
// before it and stop after it.
func (s *Server) Beside() []lifecycle.Component { return s.beside }

// dial returns nil when the listener accepts connections.
func (s *Server) dial(ctx context.Context) error {
	select {
	case <-s.started:
	case <-ctx.Done():
		return ctx.Err()
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", s.Addr().String())
	if err != nil {
		return err
	}
	return conn.Close()
}

// Name returns "grpc".
func (s *Server) Name() string { return "grpc" }

// Start opens the listener.
func (s *Server) Start(ctx context.Context) error {
	var open net.ListenConfig
	listener, err := open.Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("opening the gRPC listener: %w", err)
	}
	s.listener = listener
	close(s.started)
	return nil
}

// Addr returns the address of the listener. It may be called after Start.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run answers requests until Stop.
func (s *Server) Run() error {
	if err := s.grpc.Serve(s.listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serving gRPC: %w", err)
	}
	return nil
}

// Stop tells clients to go elsewhere and waits for the requests in flight.
func (s *Server) Stop(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	patience := time.NewTimer(goAwayTime)
	defer patience.Stop()
	for waiting := true; waiting; {
		select {
		case <-done:
			return nil
		case <-patience.C:
			waiting = s.tracker.InFlight() > 0
			patience.Reset(pollTime)
		case <-ctx.Done():
			waiting = false
		}
	}
	inFlight := s.tracker.InFlight()
	// It closes the connections, which makes GracefulStop return as soon as the
	// handlers have. One that never does is left behind.
	go s.grpc.Stop()
	if inFlight > 0 {
		return lifecycle.ErrCut
	}
	// What is left are connections whose clients take nothing any more.
	return nil
}
