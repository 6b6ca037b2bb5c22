package requests

import (
	"log/slog"
	"slices"
	"strings"
)

// Report says what a drain waited for, from Leave on.
type Report struct {
	// Waited is how many requests were in flight when the drain began or came
	// while it went on, on connections that were open.
	Waited int64
	// Finished is how many of them came to an end.
	Finished int64
	// Cut is how many were still in flight when Cut was called.
	Cut int64
	// Routes holds the same by route, without those that have nothing to say.
	Routes []RouteReport
}

// RouteReport is the part of one route in a Report.
type RouteReport struct {
	Route                 string
	Waited, Finished, Cut int64
}

// Cut notes that what is in flight now is about to be cut off. It must be called
// before that is done, because a request that is cut off ends like any other.
func (t *Tracker) Cut() {
	t.cutting.Store(true)
	for route := range t.routes() {
		route.cut.Store(route.inFlight.Load())
	}
}

// Report returns what has been noted since Leave.
func (t *Tracker) Report() Report {
	var d Report
	for route := range t.routes() {
		r := RouteReport{Route: route.name, Finished: route.finished.Load(), Cut: route.cut.Load()}
		r.Waited = r.Finished + r.Cut
		if !t.cutting.Load() {
			r.Waited += route.inFlight.Load()
		}
		if r.Waited == 0 {
			continue
		}
		d.Waited += r.Waited
		d.Finished += r.Finished
		d.Cut += r.Cut
		d.Routes = append(d.Routes, r)
	}
	slices.SortFunc(d.Routes, func(a, b RouteReport) int { return strings.Compare(a.Route, b.Route) })
	return d
}

// LogValue is the form for logs.
func (d Report) LogValue() slog.Value {
	attributes := []slog.Attr{slog.Int64("waited", d.Waited), slog.Int64("finished", d.Finished), slog.Int64("cut", d.Cut)}
	for _, r := range d.Routes {
		attributes = append(attributes, slog.Group(r.Route,
			slog.Int64("waited", r.Waited), slog.Int64("finished", r.Finished), slog.Int64("cut", r.Cut)))
	}
	return slog.GroupValue(attributes...)
}

// Drained returns how many requests were cut off, and the report for the log.
func (t *Tracker) Drained() (cut int64, report slog.Value) {
	r := t.Report()
	return r.Cut, r.LogValue()
}
