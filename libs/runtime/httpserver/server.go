// Package httpserver makes the HTTP servers of a process: timeouts, limits,
// deadlines, recovery, health endpoints, a drain that loses nothing, and a part
// in everything that package requests does.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/compression"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
)

// Server is a lifecycle.Component.
type Server struct {
	name        string
	log         *slog.Logger
	http        *http.Server
	connections *connections
	// spread is how long idle connections can still be used when the server stops.
	spread func() time.Duration
}

var _ lifecycle.Component = (*Server)(nil)

// New returns the server for the API: /livez and /readyz, which follow state,
// and handler for everything else, compressed where that pays.
func New(config Config, log *slog.Logger, state *health.State, tracker *requests.Tracker, handler http.Handler) *Server {
	api := &api{log: log, state: state, tracker: tracker, traffic: tracker.Transport("http"), next: compression.Handler(handler), codes: newCodes()}
	server := newServer("http", string(config.Addr), log, tracker.Timeout(), api)
	server.spread = tracker.Spread
	return server
}

func newServer(name, addr string, log *slog.Logger, timeout time.Duration, handler http.Handler) *Server {
	return &Server{
		name:   name,
		log:    log,
		spread: func() time.Duration { return 0 },
		http: &http.Server{
			Addr:              addr,
			Handler:           occupy(handler),
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       timeout,
			WriteTimeout:      timeout + answerTime,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderSize,
			ConnState:         observe,
			ConnContext:       connected,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
}

// Name returns "http" or "admin".
func (s *Server) Name() string { return s.name }

// Start opens the listener.
func (s *Server) Start(ctx context.Context) error {
	var open net.ListenConfig
	listener, err := open.Listen(ctx, "tcp", s.http.Addr)
	if err != nil {
		return fmt.Errorf("opening the %s listener: %w", s.name, err)
	}
	s.connections = track(listener)
	return nil
}

// Addr returns the address of the listener. It may be called after Start.
func (s *Server) Addr() net.Addr { return s.connections.Addr() }

// Run answers requests until Stop.
func (s *Server) Run() error {
	err := s.http.Serve(s.connections)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("serving %s: %w", s.name, err)
}

// Stop closes the listener and each connection when nothing is under way on it.
// Every answer says by now that its connection is the last of its kind, so those
// that are in use close by themselves. An idle one gets a last chance to be used,
// as long as the spread, because a client that is just about to use it cannot be
// told in time. Connections that handlers took over are waited for too. When ctx
// ends first, the rest is cut off.
func (s *Server) Stop(ctx context.Context) error {
	// It can only fail because it is closed already.
	_ = s.connections.Listener.Close()
	lastChance := time.Now().Add(s.spread())
	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	for {
		open := s.connections.snapshot()
		if len(open) == 0 {
			return s.close()
		}
		for _, c := range open {
			if time.Now().After(lastChance) && c.unused() {
				_ = c.Close() // net/http finds it closed
			}
		}
		select {
		case <-sweep.C:
		case <-ctx.Done():
			return s.cut()
		}
	}
}

// cut closes what is left. net/http forgets connections that handlers took over,
// so they are closed here.
func (s *Server) cut() error {
	cut := 0
	for _, c := range s.connections.snapshot() {
		if use(c.use.Load()) != silent {
			cut++
		}
		_ = c.Close()
	}
	if err := s.close(); err != nil {
		return err
	}
	if cut == 0 {
		return nil
	}
	s.log.Warn("connections were cut off", "name", s.name, "connections", cut)
	return lifecycle.ErrCut
}

// close ends what net/http keeps for itself.
func (s *Server) close() error {
	if err := s.http.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing the %s server: %w", s.name, err)
	}
	return nil
}
