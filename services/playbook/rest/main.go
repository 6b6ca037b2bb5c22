// Command rest serves the playbook service as JSON over HTTP.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/store/open"
	"github.com/soketsugo/soketsugo/libs/playbook/store/schema"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/httpserver"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/server"
	"github.com/soketsugo/soketsugo/libs/runtime/uuidv7"
	"github.com/soketsugo/soketsugo/services/playbook/rest/handler"
	"github.com/soketsugo/soketsugo/services/playbook/rest/webhook"
	"github.com/soketsugo/soketsugo/services/playbook/version"
)

type configuration struct {
	Database config.SecretURL `config:"DATABASE_URL" required:"true" schemes:"postgres,postgresql,sqlite" doc:"where the data is"`
	Webhooks config.Secret    `config:"WEBHOOK_SECRETS" doc:"who may tell of events: provider:workspace:secret,…"`
	HTTP     httpserver.Config
	Server   server.Config
}

func main() { os.Exit(run()) }

func run() int {
	process := lifecycle.Start()
	program := config.Program{Name: "playbook-rest", Summary: "serves playbooks as JSON over HTTP", Version: version.Version, Schema: schema.Required}
	var cfg configuration
	if code, proceed := config.Load(&cfg, program); !proceed {
		return code
	}
	base, err := server.New(process, cfg.Server, program)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return config.ExitUsage
	}
	providers, err := webhook.ParseProviders(cfg.Webhooks)
	if err != nil {
		base.Log.Error("cannot use WEBHOOK_SECRETS", "error", err.Error())
		return config.ExitUsage
	}
	store, err := open.Open(string(cfg.Database))
	if err != nil {
		base.Log.Error("cannot use DATABASE_URL", "error", err.Error())
		return config.ExitUsage
	}
	base.Health.AddCheck(health.Check{Name: "database", Run: store.Ping})
	base.Health.AddCheck(health.Check{Name: "schema", Run: store.CheckSchema, Sticky: true})
	base.MeasurePool(store.Pool)
	service := usecase.New(store, time.Now, func() string { return uuidv7.New(time.Now()) })
	api := httpserver.New(cfg.HTTP, base.Log, base.Health, base.Tracker, handler.New(service, providers, base.Log))
	return base.Run([]lifecycle.Component{lifecycle.Closer("store", store.Close)}, api)
}
