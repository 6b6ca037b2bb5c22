package grpcserver

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// maxProbes bounds the requests in flight on one connection of a prober.
const maxProbes = 10

// healthServer serves the health service alone, without TLS: the kubelet's gRPC
// probe speaks none.
type healthServer struct {
	addr     string
	grpc     *grpc.Server
	listener net.Listener
}

var _ lifecycle.Component = (*healthServer)(nil)

func newHealthServer(addr string, probes *healthService) *healthServer {
	s := &healthServer{addr: addr, grpc: grpc.NewServer(
		grpc.MaxRecvMsgSize(maxHeaderSize),
		grpc.MaxHeaderListSize(maxHeaderSize),
		grpc.MaxConcurrentStreams(maxProbes),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.ReadBufferSize(readBufferSize),
		grpc.UnknownServiceHandler(unknown),
	)}
	grpc_health_v1.RegisterHealthServer(s.grpc, probes)
	return s
}

// Name returns "health".
func (s *healthServer) Name() string { return "health" }

// Start opens the listener.
func (s *healthServer) Start(ctx context.Context) error {
	var open net.ListenConfig
	listener, err := open.Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("opening the health listener: %w", err)
	}
	s.listener = listener
	return nil
}

// Addr returns the address of the listener. It may be called after Start.
func (s *healthServer) Addr() net.Addr { return s.listener.Addr() }

// Run answers probes until Stop.
func (s *healthServer) Run() error {
	if err := s.grpc.Serve(s.listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serving health: %w", err)
	}
	return nil
}

// Stop ends it at once: nobody waits for a probe.
func (s *healthServer) Stop(context.Context) error {
	s.grpc.Stop()
	return nil
}
