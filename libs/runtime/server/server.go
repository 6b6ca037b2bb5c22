// Package server puts together what every process that serves has: logger,
// metrics, traces, health, limits, the admin server and the lifecycle. A main
// adds its own servers and what they stand on.
package server

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/soketsugo/soketsugo/libs/runtime/buildinfo"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/httpserver"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/logging"
	"github.com/soketsugo/soketsugo/libs/runtime/metrics"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
)

// Config is what can be set about every process that serves.
type Config struct {
	Admin     httpserver.AdminConfig
	Requests  requests.Config
	Health    health.Config
	Lifecycle lifecycle.Config
	Logging   logging.Config
	Tracing   tracing.Config
}

// Base is what the servers of a process share.
type Base struct {
	Log     *slog.Logger
	Health  *health.State
	Metrics *metrics.Registry
	Tracker *requests.Tracker

	process *lifecycle.Process
	config  Config
	info    buildinfo.Info
	tracer  *tracing.Tracer
}

// New returns the base of a process. Its error is one of configuration.
func New(process *lifecycle.Process, cfg Config, program config.Program) (*Base, error) {
	output := logging.NewBuffer(os.Stderr)
	b := &Base{
		Log: logging.New(output, cfg.Logging, requests.Annotate), Metrics: metrics.New(),
		process: process, config: cfg, info: buildinfo.Read(program.Name, program.Version, program.Schema),
	}
	var err error
	if b.tracer, err = tracing.New(cfg.Tracing, program.Name, program.Version, b.Log); err != nil {
		return nil, fmt.Errorf("setting up traces: %w", err)
	}
	b.Health = health.New(cfg.Health, b.Log)
	b.Tracker = requests.New(cfg.Requests, b.Log, logging.NewAccess(output, cfg.Logging), b.Metrics, b.tracer)
	b.measure()
	return b, nil
}

// Run runs the process: dependencies start first, in order, and stop last; the
// servers are siblings. It returns the exit code, and can be called once.
func (b *Base) Run(dependencies []lifecycle.Component, servers ...lifecycle.Component) int {
	b.measureChecks()
	return b.process.Run(lifecycle.Plan{
		Config: b.config.Lifecycle, Log: b.Log, Health: b.Health, Traffic: b.Tracker,
		Dependencies: append([]lifecycle.Component{lifecycle.Background("traces", b.tracer.Run, b.tracer.Stop)}, dependencies...),
		Admin:        []lifecycle.Component{httpserver.NewAdmin(b.config.Admin, b.Log, b.Health, b.info, b.Metrics.Write)},
		Servers:      servers,
	})
}
