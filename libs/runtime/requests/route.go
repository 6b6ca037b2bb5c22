package requests

import (
	"iter"
	"sync"
	"sync/atomic"

	"github.com/soketsugo/soketsugo/libs/runtime/metrics"
)

// Unmatched is the route of requests that match none. Names that callers choose
// never become labels: there would be no end to them.
const Unmatched = "unmatched"

// route is what is known of one method or path template.
type route struct {
	name     string
	inFlight atomic.Int64
	seconds  *metrics.Histogram
	// finished and cut are about the drain: what came to an end during it, and
	// what did not.
	finished, cut atomic.Int64

	mu   sync.RWMutex
	ends map[end]*metrics.Counter
}

// end is how a request ended. One code can be of two outcomes: an answer that broke
// off has the code that it began with.
type end struct {
	code    string
	outcome Outcome
}

// route returns the route of that name, which is made when it is first used.
func (t *Transport) route(name string) *route {
	t.mu.RLock()
	found := t.routes[name]
	t.mu.RUnlock()
	if found != nil {
		return found
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if found := t.routes[name]; found != nil {
		return found
	}
	made := &route{
		name:    name,
		seconds: t.tracker.metrics.Histogram("request_duration_seconds", "transport", t.name, "route", name),
		ends:    map[end]*metrics.Counter{},
	}
	t.routes[name] = made
	return made
}

// count returns the counter of requests that ended with a code and an outcome.
func (t *Transport) count(r *route, code string, outcome Outcome) *metrics.Counter {
	r.mu.RLock()
	found := r.ends[end{code, outcome}]
	r.mu.RUnlock()
	if found != nil {
		return found
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	made := t.tracker.metrics.Counter("requests_total",
		"transport", t.name, "route", r.name, "code", code, "outcome", string(outcome))
	r.ends[end{code, outcome}] = made
	return made
}

// routes returns the routes of all transports.
func (t *Tracker) routes() iter.Seq[*route] {
	return func(yield func(*route) bool) {
		t.mu.Lock()
		transports := t.transports
		t.mu.Unlock()
		for _, transport := range transports {
			transport.mu.RLock()
			routes := make([]*route, 0, len(transport.routes))
			for _, r := range transport.routes {
				routes = append(routes, r)
			}
			transport.mu.RUnlock()
			for _, r := range routes {
				if !yield(r) {
					return
				}
			}
		}
	}
}
