// Package grpcserver makes the gRPC server of a process: health service,
// limits, recovery, access log.
package grpcserver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
)

const (
	// maxMessageSize bounds a message, received or sent, in bytes.
	maxMessageSize = 4 << 20
	// maxHeaderSize bounds a request's metadata, in bytes.
	maxHeaderSize = 16 << 10
	// maxStreams bounds the requests in flight on one connection.
	maxStreams = 250
	// maxConnectionAge spreads clients over replicas again and again: a gRPC
	// connection lives as long as both ends, so without it new replicas get no
	// traffic behind a load balancer that works on connections.
	maxConnectionAge = 5 * time.Minute
	// maxConnectionAgeGrace is how long requests on an aged connection may take.
	maxConnectionAgeGrace = time.Minute
	// maxConnectionIdle closes connections that nobody uses.
	maxConnectionIdle = 5 * time.Minute
	// keepaliveTime finds peers that vanished without a word.
	keepaliveTime = time.Minute
	// minPingInterval is how often a client may ping.
	minPingInterval = 20 * time.Second
	// handshakeTimeout bounds the setup of a connection.
	handshakeTimeout = 10 * time.Second
)

// Config is what can be set about the server.
type Config struct {
	Addr       config.HostPort `config:"GRPC_ADDR" default:":50051" doc:"where gRPC is served"`
	Reflection bool            `config:"GRPC_REFLECTION" default:"false" doc:"whether clients such as grpcurl can list the services"`
}

// Server is a lifecycle.Server.
type Server struct {
	addr     string
	grpc     *grpc.Server
	listener net.Listener
}

var _ lifecycle.Server = (*Server)(nil)

// New returns a server with the services that register adds. Its health
// service follows state.
func New(config Config, log *slog.Logger, state *health.State, register func(grpc.ServiceRegistrar)) *Server {
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessageSize),
		grpc.MaxSendMsgSize(maxMessageSize),
		grpc.MaxHeaderListSize(maxHeaderSize),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle:     maxConnectionIdle,
			MaxConnectionAge:      maxConnectionAge,
			MaxConnectionAgeGrace: maxConnectionAgeGrace,
			Time:                  keepaliveTime,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             minPingInterval,
			PermitWithoutStream: true,
		}),
		// The log is outside, so that a panic is logged with its outcome too.
		grpc.ChainUnaryInterceptor(logUnary(log), recoverUnary(log)),
		grpc.ChainStreamInterceptor(logStream(log), recoverStream(log)),
	)
	register(server)
	registerHealth(server, state)
	if config.Reflection {
		reflection.Register(server)
	}
	return &Server{addr: string(config.Addr), grpc: server}
}

// Name returns "grpc".
func (s *Server) Name() string { return "grpc" }

// Listen opens the listener.
func (s *Server) Listen() (net.Addr, error) {
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return nil, fmt.Errorf("opening the gRPC listener: %w", err)
	}
	s.listener = listener
	return listener.Addr(), nil
}

// Serve answers requests until Shutdown.
func (s *Server) Serve() error { return s.grpc.Serve(s.listener) }

// Shutdown tells clients to go elsewhere and waits for the requests in flight.
func (s *Server) Shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		// Stop makes GracefulStop return. It waits for handlers only when asked
		// to, so one that never ends cannot hang the process.
		s.grpc.Stop()
		return lifecycle.ErrCut
	}
}
