// Package httpserver makes the HTTP servers of a process: timeouts, limits,
// recovery, access log, health endpoints.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
)

const (
	// readHeaderTimeout bounds the time for a request's headers.
	readHeaderTimeout = 5 * time.Second
	// readTimeout bounds the time for a whole request.
	readTimeout = 30 * time.Second
	// writeTimeout bounds the time from the end of the headers to the end of the
	// answer.
	writeTimeout = 60 * time.Second
	// idleTimeout closes kept-alive connections that nobody uses.
	idleTimeout = 2 * time.Minute
	// maxHeaderSize is in bytes.
	maxHeaderSize = 16 << 10
	// MaxBodySize bounds a request's body, in bytes. Reading beyond it fails with
	// *http.MaxBytesError.
	MaxBodySize = 1 << 20
)

// Config is what can be set about the server for the API.
type Config struct {
	Addr config.HostPort `config:"HTTP_ADDR" default:":8080" doc:"where HTTP is served"`
}

// AdminConfig is what can be set about the server for operators.
type AdminConfig struct {
	Addr config.HostPort `config:"ADMIN_ADDR" default:":8081" doc:"where /livez, /readyz and /version are served"`
}

// Server is a lifecycle.Server.
type Server struct {
	name     string
	http     *http.Server
	listener net.Listener
}

var _ lifecycle.Server = (*Server)(nil)

// New returns the server for the API: /livez and /readyz, which follow state,
// and handler for everything else.
func New(config Config, log *slog.Logger, state *health.State, handler http.Handler) *Server {
	probes := probes(state)
	return newServer("http", string(config.Addr), log, state, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r) {
			probes.ServeHTTP(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	}))
}

func newServer(name, addr string, log *slog.Logger, state *health.State, handler http.Handler) *Server {
	return &Server{
		name: name,
		http: &http.Server{
			Addr:              addr,
			Handler:           logRequests(log, closeWhenDraining(state, recoverPanics(log, limitBody(handler)))),
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderSize,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
}

// Name returns "http" or "admin".
func (s *Server) Name() string { return s.name }

// Listen opens the listener.
func (s *Server) Listen() (net.Addr, error) {
	listener, err := net.Listen("tcp", s.http.Addr)
	if err != nil {
		return nil, fmt.Errorf("opening the %s listener: %w", s.name, err)
	}
	s.listener = listener
	return listener.Addr(), nil
}

// Serve answers requests until Shutdown.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown closes the listener and waits for the requests in flight.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	if closeErr := s.http.Close(); closeErr != nil {
		return fmt.Errorf("closing connections: %w", closeErr)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return lifecycle.ErrCut
	}
	return fmt.Errorf("shutting down: %w", err)
}
