// Command grpc serves the playbook service over gRPC.
package main

import (
	"context"
	"os"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/store/open"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/buildinfo"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/grpcserver"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/httpserver"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/logging"
	"github.com/soketsugo/soketsugo/libs/runtime/uuidv7"
	"github.com/soketsugo/soketsugo/services/playbook/grpc/handler"
	"github.com/soketsugo/soketsugo/services/playbook/version"
)

type configuration struct {
	Database  config.SecretURL `config:"DATABASE_URL" required:"true" schemes:"postgres,postgresql,sqlite" doc:"where the data is"`
	GRPC      grpcserver.Config
	Admin     httpserver.AdminConfig
	Logging   logging.Config
	Lifecycle lifecycle.Config
}

func main() { os.Exit(run()) }

func run() int {
	process := lifecycle.Start()
	program := config.Program{Name: "playbook-grpc", Summary: "serves playbooks over gRPC", Version: version.Version}
	var cfg configuration
	if code, proceed := config.Load(&cfg, program); !proceed {
		return code
	}
	log := logging.New(os.Stderr, cfg.Logging)
	store, err := open.Open(context.Background(), string(cfg.Database))
	if err != nil {
		log.Error("cannot use DATABASE_URL", "error", err.Error())
		return config.ExitUsage
	}
	service := usecase.New(store, time.Now, func() string { return uuidv7.New(time.Now()) })
	state := health.New(log)
	state.AddCheck("database", store.Check)
	return process.Run(lifecycle.Plan{
		Config:       cfg.Lifecycle,
		Log:          log,
		Health:       state,
		Servers:      []lifecycle.Server{grpcserver.New(cfg.GRPC, log, state, handler.Register(service, log))},
		Admin:        []lifecycle.Server{httpserver.NewAdmin(cfg.Admin, log, state, buildinfo.Read(program.Name, program.Version))},
		Dependencies: []lifecycle.Dependency{{Name: "store", Close: store.Close}},
	})
}
