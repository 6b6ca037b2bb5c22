package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/server"
)

func defaults() server.Config {
	var cfg server.Config
	config.Defaults(&cfg)
	cfg.Admin.Addr = "127.0.0.1:0"
	return cfg
}

// What a process is made of and does can be read from its metrics, checks and
// pools included.
func TestMetrics(t *testing.T) {
	process := lifecycle.Start()
	base, err := server.New(process, defaults(), config.Program{Name: "x", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	base.Health.AddCheck(health.Check{Name: "database", Run: func(context.Context) error { return nil }})
	base.MeasurePool(func() (open, inUse, most int, waits int64) { return 3, 2, 4, 7 })
	// A component that fails ends the process, whose metrics are then complete.
	code := base.Run([]lifecycle.Component{lifecycle.Background("fails",
		func() error { return errors.New("on purpose") }, func(context.Context) error { return nil })})
	if code != lifecycle.ExitFailure {
		t.Errorf("the exit code is %d", code)
	}
	var text strings.Builder
	base.Metrics.Write(&text)
	for _, want := range []string{
		`build_info{name="x",version="1.2.3",go="go`, `process_phase{phase="stopped"} 1`, `process_phase{phase="ready"} 0`,
		"\nready 0\n", "\nalive 1\n", `health_check_ok{check="database"}`, `health_check_failures{check="database"} 0`,
		"pool_connections_open 3\n", "pool_connections_in_use 2\n", "pool_connections_max 4\n", "pool_waits 7\n",
		"drain_waiting 0\n", "drain_cut 0\n", "trace_spans_dropped 0\n", "requests_in_flight 0\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the metrics lack %q", want)
		}
	}
}

// A setting that only the tracer can judge is a mistake of configuration.
func TestBadTracing(t *testing.T) {
	cfg := defaults()
	cfg.Tracing.Endpoint = "not a collector"
	if _, err := server.New(lifecycle.Start(), cfg, config.Program{Name: "x"}); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_ENDPOINT") {
		t.Errorf("got %v, want the variable's name", err)
	}
}
