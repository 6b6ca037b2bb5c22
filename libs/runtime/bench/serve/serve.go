// Package serve holds the servers that are measured: bare ones, as their
// libraries make them, and full ones, as a process of ours has them.
package serve

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"time"

	"github.com/gorilla/mux"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/grpcserver"
	"github.com/soketsugo/soketsugo/libs/runtime/httpserver"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/router"
	"github.com/soketsugo/soketsugo/libs/runtime/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// The servers.
const (
	BareGRPC = "bare-grpc"
	FullGRPC = "full-grpc"
	BareHTTP = "bare-http"
	FullHTTP = "full-http"
)

// Variables of the environment that servers of ours do not have.
const (
	// KindVariable makes the benchmark's binary one of the servers.
	KindVariable = "BENCH_SERVE"
	// LogVariable is the file that the log is appended to.
	LogVariable = "BENCH_LOG"
	// ProfileVariable is the file that a CPU profile is written to, if any.
	ProfileVariable = "BENCH_PROFILE"
	// SlotsVariable and WorkVariable are the capacity of the Work method.
	SlotsVariable = "BENCH_SLOTS"
	WorkVariable  = "BENCH_WORK"
)

type configuration struct {
	Kind    string        `config:"BENCH_SERVE" required:"true" enum:"bare-grpc,full-grpc,bare-http,full-http" doc:"which server this is"`
	Log     string        `config:"BENCH_LOG" required:"true" doc:"the file that the log is appended to"`
	Profile string        `config:"BENCH_PROFILE" doc:"the file that a CPU profile is written to"`
	Slots   int           `config:"BENCH_SLOTS" default:"8" doc:"how many requests are worked on at once"`
	Work    time.Duration `config:"BENCH_WORK" default:"5ms" doc:"how long one is worked on"`
	GRPC    grpcserver.Config
	HTTP    httpserver.Config
	Server  server.Config
}

// Run is the main of a server, which is configured by its environment. It
// returns the exit code.
func Run() int {
	process := lifecycle.Start()
	program := config.Program{Name: "bench", Summary: "a server to measure", Version: "0.0.0"}
	var cfg configuration
	if code, proceed := config.Load(&cfg, program); !proceed {
		return code
	}
	log, err := os.OpenFile(cfg.Log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		fmt.Fprintf(os.Stderr, "opening the log: %v\n", err)
		return config.ExitUsage
	}
	// Servers of ours log there. A pipe to the benchmark would make it read all
	// of that while it measures.
	os.Stderr = log
	stopProfile, err := profile(cfg.Profile)
	if err != nil {
		fmt.Fprintln(log, err)
		return config.ExitUsage
	}
	defer stopProfile()
	work := newWork(cfg.Slots, cfg.Work)
	switch cfg.Kind {
	case BareGRPC:
		return bareGRPC(process, cfg, work)
	case BareHTTP:
		return bareHTTP(process, cfg, work)
	}
	base, err := server.New(process, cfg.Server, program)
	if err != nil {
		fmt.Fprintln(log, err)
		return config.ExitUsage
	}
	if cfg.Kind == FullGRPC {
		full, err := grpcserver.New(cfg.GRPC, base.Log, base.Health, base.Tracker, registerGRPC(work))
		if err != nil {
			fmt.Fprintln(log, err)
			return config.ExitUsage
		}
		return base.Run(full.Beside(), full)
	}
	routes := router.New()
	addRoutes(routes, work)
	return base.Run(nil, httpserver.New(cfg.HTTP, base.Log, base.Health, base.Tracker, routes))
}

func bareGRPC(process *lifecycle.Process, cfg configuration, work *work) int {
	bare := grpc.NewServer()
	registerGRPC(work)(bare)
	grpc_health_v1.RegisterHealthServer(bare, health.NewServer())
	return serveBare(process, "grpc", string(cfg.GRPC.Addr), bare.Serve, bare.GracefulStop)
}

func bareHTTP(process *lifecycle.Process, cfg configuration, work *work) int {
	routes := mux.NewRouter()
	addRoutes(routes, work)
	bare := &http.Server{Handler: routes}
	return serveBare(process, "http", string(cfg.HTTP.Addr), bare.Serve, func() {
		_ = bare.Shutdown(context.Background()) // a second signal ends the process
	})
}

// serveBare serves until a signal arrives. It logs what a full server does where
// the benchmark looks for it.
func serveBare(process *lifecycle.Process, name, addr string, serve func(net.Listener) error, stop func()) int {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, cancel := process.Context()
	defer cancel()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		log.Error("cannot start", "error", err.Error())
		return lifecycle.ExitFailure
	}
	log.Info("listening", "name", name, "addr", listener.Addr().String())
	log.Info("ready")
	served := make(chan error, 1)
	go func() { served <- serve(listener) }()
	select {
	case err := <-served:
		log.Error("cannot serve", "error", err.Error())
		return lifecycle.ExitFailure
	case <-ctx.Done():
		stop()
		return lifecycle.ExitOK
	}
}

// profile writes a CPU profile until the function that it returns is called.
func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("creating the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("starting the profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}, nil
}
