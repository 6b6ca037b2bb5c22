package requests

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
)

// Outcome says whose a request's end was.
type Outcome string

// Outcomes are the same for all transports, which alerts can build on.
const (
	// OK: the caller got what it asked for.
	OK Outcome = "ok"
	// Rejected: the request was at fault, or its caller went away.
	Rejected Outcome = "rejected"
	// Failed: the process, or something that it depends on, was at fault.
	Failed Outcome = "failed"
)

// Incoming is what a caller says about a request besides the request itself.
type Incoming struct {
	// RequestID is the caller's own name for the request; one that is not usable
	// is replaced.
	RequestID string
	// Traceparent and Tracestate are the headers of W3C Trace Context.
	Traceparent, Tracestate string
	// Stream says that the request can last as long as its connection. The process
	// holds half as many of those as of all, or there might be no room for others.
	Stream bool
	// Timeout, if not zero, is the deadline that the request gets when its context
	// has none.
	Timeout time.Duration
}

// Request is a request in flight.
type Request struct {
	// ID names the request in logs and in the answer. It is the trace's ID unless
	// the caller gave another.
	ID string
	// Span is the request's part in its trace.
	Span tracing.Span

	context   *inFlight
	transport *Transport
	route     *route
	begin     time.Time
	stream    bool

	leavingOnce sync.Once
	leaving     chan struct{}
	forget      func() bool
}

// From returns the request that ctx belongs to, or nil.
func From(ctx context.Context) *Request {
	request, _ := ctx.Value(requestKey{}).(*Request)
	return request
}

// Begin counts a request in and returns its context. When the process holds as
// many as it may, it counts the request as refused and returns nil.
func (t *Transport) Begin(ctx context.Context, routeName string, incoming Incoming) (context.Context, *Request) {
	tracker := t.tracker
	limit := int64(tracker.config.MaxInFlight)
	if tracker.inFlight.Add(1) > limit && limit > 0 {
		tracker.inFlight.Add(-1)
		t.refuse()
		return nil, nil
	}
	if incoming.Stream && tracker.streams.Add(1) > max(limit/2, 1) && limit > 0 {
		tracker.streams.Add(-1)
		tracker.inFlight.Add(-1)
		t.refuse()
		return nil, nil
	}
	c := &inFlight{Context: ctx, request: Request{
		ID:        incoming.RequestID,
		Span:      tracker.tracer.Start(incoming.Traceparent, incoming.Tracestate),
		transport: t,
		begin:     time.Now(),
		stream:    incoming.Stream,
	}}
	c.request.context = c
	if _, has := ctx.Deadline(); !has && incoming.Timeout > 0 {
		c.deadline = c.request.begin.Add(incoming.Timeout)
	}
	if !usable(c.request.ID) {
		c.request.ID = c.request.Span.TraceIDString()
	}
	c.request.enter(t.route(routeName))
	return c, &c.request
}

// usable bounds what a caller may write into our logs and headers.
func usable(id string) bool {
	const longest = 128
	if id == "" || len(id) > longest {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=':
		default:
			return false
		}
	}
	return true
}

func (r *Request) enter(to *route) {
	r.route = to
	to.inFlight.Add(1)
}

// SetRoute says which route the request turned out to have. It is called, if at
// all, before the request's handler.
func (r *Request) SetRoute(name string) {
	r.route.inFlight.Add(-1)
	r.enter(r.transport.route(name))
}

// Route returns the name of the request's route.
func (r *Request) Route() string { return r.route.name }

// Leaving returns a channel that is closed when the process wants the request to
// come to its end. A request that may last, such as a stream or a long poll,
// must listen to it; one that does not last need not.
func (r *Request) Leaving() <-chan struct{} {
	r.leavingOnce.Do(func() {
		leaving, tracker := make(chan struct{}), r.transport.tracker
		r.leaving = leaving
		r.forget = context.AfterFunc(tracker.leaving, func() {
			if tracker.spread > 0 {
				time.Sleep(rand.N(tracker.spread))
			}
			close(leaving)
		})
	})
	return r.leaving
}

// Result is how a request ended.
type Result struct {
	// Code is the transport's word for it.
	Code    string
	Outcome Outcome
	// Attributes are added to the line in the log.
	Attributes []slog.Attr
}

// End counts a request out and writes its line in the log.
func (r *Request) End(result Result) {
	end := time.Now()
	took := end.Sub(r.begin)
	t := r.transport
	r.context.end()
	if r.forget != nil {
		r.forget()
	}
	r.route.inFlight.Add(-1)
	if t.tracker.hasLeft() && !t.tracker.cutting.Load() {
		r.route.finished.Add(1)
	}
	t.tracker.inFlight.Add(-1)
	if r.stream {
		t.tracker.streams.Add(-1)
	}
	t.count(r.route, result.Code, result.Outcome).Inc()
	r.route.seconds.Observe(took)
	r.log(end, took, result)
	t.tracker.tracer.Finish(r.Span, tracing.Record{
		Name: r.route.name, Begin: r.begin, End: end, Failed: result.Outcome == Failed, Message: result.Code,
		Attributes: result.Attributes,
	})
}

// log writes the request's line.
func (r *Request) log(end time.Time, took time.Duration, result Result) {
	access := r.transport.tracker.access
	if !access.Enabled() {
		return
	}
	// As many as there are at most, as a rule, so that nothing is allocated.
	var room [12]slog.Attr
	attributes := append(room[:0], slog.String("transport", r.transport.name), slog.String("route", r.route.name),
		slog.String("code", result.Code), slog.Float64("seconds", took.Seconds()))
	attributes = append(attributes, result.Attributes...)
	access.Write(end, "request", r.appendNames(attributes))
}

// appendNames adds what names the request in the log.
func (r *Request) appendNames(attributes []slog.Attr) []slog.Attr {
	attributes = append(attributes, slog.String("request_id", r.ID))
	if r.Span.Sampled {
		attributes = append(attributes, slog.String("trace_id", r.Span.TraceIDString()), slog.String("span_id", r.Span.SpanIDString()))
	}
	return attributes
}

// Annotate adds what names the request to a line of the log.
func Annotate(ctx context.Context, record *slog.Record) {
	request := From(ctx)
	if request == nil {
		return
	}
	record.AddAttrs(request.appendNames(nil)...)
}
