// Package requests follows each request of a process from its first byte to its
// end, in the same way whatever the transport: it refuses what the process
// cannot hold, and counts, measures, logs and traces the rest. It knows what a
// drain waited for, and what it cut off.
package requests

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/logging"
	"github.com/soketsugo/soketsugo/libs/runtime/metrics"
	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
)

// Config is what can be set about requests.
type Config struct {
	MaxInFlight int           `config:"MAX_REQUESTS" default:"256" doc:"how many requests may be in flight at once, half of them streams at most; more are refused at once, 0 refuses none"`
	Timeout     time.Duration `config:"REQUEST_TIMEOUT" default:"30s" min:"1ms" doc:"the deadline of a request that comes without one"`
}

// warnInterval is the time between two lines of the log that say that requests
// are being refused.
const warnInterval = time.Second

// Tracker follows the requests of a process. It is safe for concurrent use.
type Tracker struct {
	config   Config
	log      *slog.Logger
	access   *logging.Access
	metrics  *metrics.Registry
	tracer   *tracing.Tracer
	inFlight atomic.Int64
	streams  atomic.Int64 // those of them that are streams
	warned   atomic.Int64
	panics   *metrics.Counter

	// leaving ends when requests in flight should come to their end, spread over
	// the time spread.
	leaving context.Context
	leave   context.CancelFunc
	spread  time.Duration
	// cutting is set when what is in flight is about to be cut off.
	cutting atomic.Bool

	mu         sync.Mutex
	transports []*Transport
}

// New returns a tracker without transports. access gets a line for each request,
// log everything else.
func New(config Config, log *slog.Logger, access *logging.Access, registry *metrics.Registry, tracer *tracing.Tracer) *Tracker {
	t := &Tracker{
		config: config, log: log, access: access, metrics: registry, tracer: tracer, panics: registry.Counter("request_panics_total"),
	}
	t.leaving, t.leave = context.WithCancel(context.Background())
	registry.Gauge("requests_in_flight", func() float64 { return float64(t.inFlight.Load()) })
	registry.Gauge("requests_in_flight_limit", func() float64 { return float64(config.MaxInFlight) })
	return t
}

// Timeout is the deadline of a request that comes without one.
func (t *Tracker) Timeout() time.Duration { return t.config.Timeout }

// Leave asks what is in flight to come to an end: the channels of
// Request.Leaving are closed, each at a random moment within spread, so that
// those who reconnect do not all come at once. It can be called once.
func (t *Tracker) Leave(spread time.Duration) {
	t.spread = spread
	t.leave()
}

// InFlight is how many requests are in flight, probes apart.
func (t *Tracker) InFlight() int64 { return t.inFlight.Load() }

// Left is closed when Leave is called.
func (t *Tracker) Left() <-chan struct{} { return t.leaving.Done() }

// Spread is the time over which Leave spreads what it asks for. It may be called
// after Leave.
func (t *Tracker) Spread() time.Duration { return t.spread }

// Panicked counts a handler that panicked.
func (t *Tracker) Panicked() { t.panics.Inc() }

// hasLeft says whether Leave was called.
func (t *Tracker) hasLeft() bool { return t.leaving.Err() != nil }

// Transport is the part of a Tracker that one server uses.
type Transport struct {
	tracker *Tracker
	name    string
	shed    *metrics.Counter

	mu     sync.RWMutex
	routes map[string]*route
}

// Transport returns the part for one server, named after its protocol.
func (t *Tracker) Transport(name string) *Transport {
	transport := &Transport{
		tracker: t, name: name, routes: map[string]*route{},
		shed: t.metrics.Counter("requests_shed_total", "transport", name),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.transports = append(t.transports, transport)
	return transport
}

// Full says whether a request would be refused now, and counts it as refused if
// so. A server that can ask before it has read the request's body saves that
// work.
func (t *Transport) Full() bool {
	limit := int64(t.tracker.config.MaxInFlight)
	if limit == 0 || t.tracker.inFlight.Load() < limit {
		return false
	}
	t.refuse()
	return true
}

// refuse counts a request that was refused. The log says so once in a while:
// a line for each would be one more load.
func (t *Transport) refuse() {
	t.shed.Inc()
	now, last := time.Now().UnixNano(), t.tracker.warned.Load()
	if now-last >= int64(warnInterval) && t.tracker.warned.CompareAndSwap(last, now) {
		t.tracker.log.Warn("refusing requests: MAX_REQUESTS are in flight, or half as many streams", "transport", t.name,
			"limit", t.tracker.config.MaxInFlight, "refused", t.shed.Value())
	}
}
