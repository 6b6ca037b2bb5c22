// Package tracing takes part in distributed traces: it reads and writes W3C
// Trace Context, and sends spans to a collector with OTLP over HTTP, in its JSON
// form. Requests never wait for the collector: spans are dropped, and counted,
// when it cannot keep up.
//
// It stands on the standard library alone, because OpenTelemetry's own SDK and
// exporter would be among the largest parts of an image.
package tracing

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Tracer records the requests of a process. It is safe for concurrent use.
type Tracer struct {
	sampler sampler
	// exporter is nil when nothing is exported.
	exporter *exporter

	stopping chan struct{}
	stop     sync.Once
}

// New returns a tracer of the process with that name and version. Its error has
// one line for each setting that is wrong, and holds nothing secret.
func New(config Config, service, version string, log *slog.Logger) (*Tracer, error) {
	checked, err := config.check()
	if err != nil {
		return nil, err
	}
	t := &Tracer{sampler: checked.sampler, stopping: make(chan struct{})}
	if checked.url != "" {
		resource := resourceOf(config.Service, service, version, checked.attributes)
		t.exporter = newExporter(checked, resource, version, log, t.stopping)
	}
	return t, nil
}

// Span is one request's part in its trace.
type Span struct {
	// Context is the request's place in the trace, for requests that it makes
	// itself and for its answer.
	Context
	// Parent is the ID of the caller's span, or zero when the trace begins here.
	Parent [8]byte
}

// Start returns the span of a request with those headers. It continues the
// caller's trace, or begins a new one when there is none that can be read.
//
// Where nothing is exported, the span is the caller's own: nobody would ever
// find one of ours, and what we call in turn is then linked to the caller's.
func (t *Tracer) Start(traceparent, tracestate string) Span {
	parent, continued := ParseTraceparent(traceparent)
	if continued {
		parent.State = usableState(tracestate)
		if t.exporter == nil {
			return Span{Context: parent}
		}
	}
	span := Span{Context: parent, Parent: parent.SpanID}
	if !continued {
		span.TraceID = newTraceID()
	}
	span.SpanID = newSpanID()
	span.Sampled = t.exporter != nil && t.sampler.sample(parent, span.TraceID)
	return span
}

// newTraceID returns an ID of a trace. Here and below math/rand will do: IDs
// must be unique, not secret, and its numbers come from a generator that the
// runtime seeds from the operating system. A zero ID would not be valid.
func newTraceID() (id [16]byte) {
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], nonZero())
	return id
}

func newSpanID() (id [8]byte) {
	binary.BigEndian.PutUint64(id[:], nonZero())
	return id
}

func nonZero() uint64 {
	for {
		if n := rand.Uint64(); n != 0 {
			return n
		}
	}
}

// Record is what is known of a request at its end.
type Record struct {
	// Name is the request's route. It must not hold what callers choose.
	Name       string
	Begin, End time.Time
	// Failed says that the process was at fault, and Message how. Message is left
	// out otherwise.
	Failed  bool
	Message string
	// Attributes are read before Finish returns, and not kept.
	Attributes []slog.Attr
}

// Finish queues a request's span for export if it is sampled. It never waits:
// when the queue is full the span is dropped.
func (t *Tracer) Finish(span Span, r Record) {
	if t.exporter == nil || !span.Sampled {
		return
	}
	t.exporter.add(span, r)
}

// Run exports spans until Stop is called, and then returns nil.
func (t *Tracer) Run() error {
	if t.exporter == nil {
		<-t.stopping
		return nil
	}
	t.exporter.work()
	return nil
}

// Stop exports what is queued, even where Run was never called. When that fails,
// or ctx ends first, the rest is dropped and Stop returns an error. Spans that
// finish afterwards are dropped.
func (t *Tracer) Stop(ctx context.Context) error {
	t.stop.Do(func() { close(t.stopping) })
	if t.exporter == nil {
		return nil
	}
	release := context.AfterFunc(ctx, t.exporter.cut)
	defer release()
	if err := t.exporter.work(); err != nil {
		return fmt.Errorf("exporting the last spans: %w", err)
	}
	return nil
}

// Stats is what became of spans.
type Stats struct {
	// Exported is how many the collector has taken.
	Exported uint64
	// Dropped is how many were lost: the queue was full, the collector was away
	// for too long, or it refused them.
	Dropped uint64
	// Queued is how many wait for export, without those that are being sent.
	Queued int
}

// Stats returns what became of spans so far.
func (t *Tracer) Stats() Stats {
	if t.exporter == nil {
		return Stats{}
	}
	return t.exporter.stats()
}
