package server

import (
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
)

// measure registers what can be read off the process as a whole.
func (b *Base) measure() {
	b.Metrics.Gauge("build_info", func() float64 { return 1 }, "name", b.info.Name, "version", b.info.Version, "go", b.info.Go)
	b.Metrics.Gauge("ready", func() float64 { return number(b.Health.IsReady()) })
	b.Metrics.Gauge("alive", func() float64 { return number(b.Health.Alive()) })
	for _, phase := range []lifecycle.Phase{lifecycle.Starting, lifecycle.Ready, lifecycle.Draining, lifecycle.Stopped} {
		b.Metrics.Gauge("process_phase", func() float64 { return number(b.process.Phase() == phase) }, "phase", string(phase))
	}
	b.Metrics.Gauge("drain_waiting", func() float64 {
		r := b.Tracker.Report()
		return float64(r.Waited - r.Finished - r.Cut)
	})
	b.Metrics.Gauge("drain_finished", func() float64 { return float64(b.Tracker.Report().Finished) })
	b.Metrics.Gauge("drain_cut", func() float64 { return float64(b.Tracker.Report().Cut) })
	b.Metrics.Gauge("trace_spans_exported", func() float64 { return float64(b.tracer.Stats().Exported) })
	b.Metrics.Gauge("trace_spans_dropped", func() float64 { return float64(b.tracer.Stats().Dropped) })
}

// measureChecks registers the checks that have been added by now.
func (b *Base) measureChecks() {
	for i, check := range b.Health.Results() {
		gauge := func(name string, value func(health.Result) float64) {
			b.Metrics.Gauge(name, func() float64 { return value(b.Health.Results()[i]) }, "check", check.Name)
		}
		gauge("health_check_ok", func(r health.Result) float64 { return number(r.OK) })
		gauge("health_check_passing", func(r health.Result) float64 { return number(r.Passing) })
		gauge("health_check_seconds", func(r health.Result) float64 { return r.Took.Seconds() })
		gauge("health_check_failures", func(r health.Result) float64 { return float64(r.Failures) })
	}
}

// MeasurePool registers a connection pool, which counts its connections and how
// often somebody had to wait for one.
func (b *Base) MeasurePool(pool func() (open, inUse, most int, waits int64)) {
	gauge := func(name string, value func(open, inUse, most int, waits int64) float64) {
		b.Metrics.Gauge(name, func() float64 { return value(pool()) })
	}
	gauge("pool_connections_open", func(open, _, _ int, _ int64) float64 { return float64(open) })
	gauge("pool_connections_in_use", func(_, inUse, _ int, _ int64) float64 { return float64(inUse) })
	gauge("pool_connections_max", func(_, _, most int, _ int64) float64 { return float64(most) })
	gauge("pool_waits", func(_, _, _ int, waits int64) float64 { return float64(waits) })
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
