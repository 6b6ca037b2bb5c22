package tracing_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
)

// parse returns the configuration that variables give.
func parse(t testing.TB, env map[string]string) tracing.Config {
	t.Helper()
	var c tracing.Config
	if err := config.Parse(&c, nil, func(name string) (string, bool) { return env[name], env[name] != "" }); err != nil {
		t.Fatal(err)
	}
	return c
}

// newTracer returns a tracer of the process "x", version 1.2.3.
func newTracer(t testing.TB, log *slog.Logger, env map[string]string) *tracing.Tracer {
	t.Helper()
	tracer, err := tracing.New(parse(t, env), "x", "1.2.3", log)
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// exporting is a configuration that exports; nobody listens there.
func exporting(more ...string) map[string]string {
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
	for i := 0; i < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return env
}

// Without an endpoint the caller's place in the trace is passed on as it is, and
// a trace that begins here is not sampled.
func TestStartWithoutExport(t *testing.T) {
	tracer := newTracer(t, discard(), nil)
	for _, header := range []string{sampled, strings.TrimSuffix(sampled, "1") + "0"} {
		span := tracer.Start(header, "a=b")
		if span.Traceparent() != header || span.State != "a=b" || span.Parent != ([8]byte{}) {
			t.Errorf("%s: got %s, %q, parent %x", header, span.Traceparent(), span.State, span.Parent)
		}
	}
	first, second := tracer.Start("", "a=b"), tracer.Start("rubbish", "a=b")
	for _, span := range []tracing.Span{first, second} {
		if _, ok := tracing.ParseTraceparent(span.Traceparent()); !ok || span.Sampled || span.State != "" || span.Parent != ([8]byte{}) {
			t.Errorf("a new trace: got %+v", span)
		}
	}
	if first.TraceID == second.TraceID || first.SpanID == second.SpanID {
		t.Errorf("two traces got the IDs of one: %+v, %+v", first, second)
	}
}

// With an endpoint each request is a span of its own below the caller's.
func TestStart(t *testing.T) {
	tracer := newTracer(t, discard(), exporting())
	parent, _ := tracing.ParseTraceparent(sampled)
	first, second := tracer.Start(sampled, "a=b"), tracer.Start(sampled, "")
	for _, span := range []tracing.Span{first, second} {
		if span.TraceID != parent.TraceID || span.Parent != parent.SpanID || span.SpanID == parent.SpanID || !span.Sampled {
			t.Errorf("a continued trace: got %+v", span)
		}
	}
	if first.SpanID == second.SpanID || first.State != "a=b" || second.State != "" {
		t.Errorf("got %+v and %+v", first, second)
	}
	if span := tracer.Start("", "a=b"); span.TraceID == ([16]byte{}) || span.Parent != ([8]byte{}) || span.State != "" || !span.Sampled {
		t.Errorf("a new trace: got %+v", span)
	}
}

// Tracestate is carried on unchanged, or not at all.
func TestTracestate(t *testing.T) {
	tracer := newTracer(t, discard(), nil)
	longest := "a=" + strings.Repeat("b", tracing.MaxStateBytes-2)
	for _, test := range []struct{ state, want string }{
		{"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"},
		{"a=b,\tc=d", "a=b,\tc=d"},
		{longest, longest},
		{longest + "b", ""},
		{"a=b\r\nSet-Cookie: c", ""},
		{"a=\xff", ""},
	} {
		if got := tracer.Start(sampled, test.state).State; got != test.want {
			t.Errorf("%q: got %q, want %q", test.state, got, test.want)
		}
	}
}

// Each of OpenTelemetry's samplers decides as its name says.
func TestSampler(t *testing.T) {
	const (
		low  = "00-00000000000000010000000000000001-00f067aa0ba902b7-0"
		high = "00-0000000000000001ffffffffffffffff-00f067aa0ba902b7-0"
	)
	type decisions struct {
		// For callers that have and have not sampled a trace whose number is low or
		// high.
		SampledLow, NotLow, SampledHigh, NotHigh bool
		// Root is the part of new traces that is sampled, in tenths.
		Root int
	}
	for _, test := range []struct {
		sampler, arg string
		want         decisions
	}{
		{"always_on", "", decisions{true, true, true, true, 10}},
		{"always_off", "", decisions{}},
		{"traceidratio", "", decisions{true, true, true, true, 10}},
		{"traceidratio", "0.5", decisions{true, true, false, false, 5}},
		{"traceidratio", "0", decisions{}},
		{"parentbased_always_on", "", decisions{true, false, true, false, 10}},
		{"", "", decisions{true, false, true, false, 10}},
		{"parentbased_always_off", "", decisions{true, false, true, false, 0}},
		{"parentbased_traceidratio", "0.5", decisions{true, false, true, false, 5}},
		{"parentbased_traceidratio", "1e-1", decisions{true, false, true, false, 1}},
		{"always_on", "0", decisions{true, true, true, true, 10}},
	} {
		tracer := newTracer(t, discard(), exporting("OTEL_TRACES_SAMPLER", test.sampler, "OTEL_TRACES_SAMPLER_ARG", test.arg))
		sample := func(header string) bool { return tracer.Start(header, "").Sampled }
		got := decisions{sample(low + "1"), sample(low + "0"), sample(high + "1"), sample(high + "0"), 0}
		roots := 0
		for range 10_000 {
			if sample("") {
				roots++
			}
		}
		// More than eight standard deviations to either side.
		got.Root = (roots + 500) / 1000
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s with %q: %d of 10000 roots (-want +got):\n%s", test.sampler, test.arg, roots, diff)
		}
	}
}

// A wrong value is reported with its variable's name and what that takes. What
// may be secret is not.
func TestMistakes(t *testing.T) {
	const url = "a URL that starts with http:// or https://, without user, query and fragment"
	for _, test := range []struct {
		variable, held string
		want           string
	}{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", `OTEL_EXPORTER_OTLP_ENDPOINT is "collector:4318"; it takes ` + url},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://", `OTEL_EXPORTER_OTLP_ENDPOINT is "http://"; it takes ` + url},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://:4318", `OTEL_EXPORTER_OTLP_ENDPOINT is "http://:4318"; it takes ` + url},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c?", `OTEL_EXPORTER_OTLP_ENDPOINT is "http://c?"; it takes ` + url},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://c", `OTEL_EXPORTER_OTLP_ENDPOINT is "grpc://c"; it takes ` + url},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://u:hunter2@c", `OTEL_EXPORTER_OTLP_ENDPOINT is (redacted); it takes ` + url},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://u:hunter2%zz@c", `OTEL_EXPORTER_OTLP_ENDPOINT is (redacted); it takes ` + url},
		{"OTEL_EXPORTER_OTLP_HEADERS", "hunter2", "OTEL_EXPORTER_OTLP_HEADERS is (redacted); it takes headers as key=value,key=value, with percent-encoding"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a b=hunter2", "OTEL_EXPORTER_OTLP_HEADERS is (redacted); it takes headers as key=value,key=value, with percent-encoding"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%0a", "OTEL_EXPORTER_OTLP_HEADERS is (redacted); it takes headers as key=value,key=value, with percent-encoding"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%", "OTEL_EXPORTER_OTLP_HEADERS is (redacted); it takes headers as key=value,key=value, with percent-encoding"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "0", `OTEL_EXPORTER_OTLP_TIMEOUT is "0"; it takes a whole number of milliseconds from 1 to 600000`},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "600001", `OTEL_EXPORTER_OTLP_TIMEOUT is "600001"; it takes a whole number of milliseconds from 1 to 600000`},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=b,c", `OTEL_RESOURCE_ATTRIBUTES is "a=b,c"; it takes attributes as key=value,key=value, with percent-encoding`},
		{"OTEL_RESOURCE_ATTRIBUTES", "=b", `OTEL_RESOURCE_ATTRIBUTES is "=b"; it takes attributes as key=value,key=value, with percent-encoding`},
		{"OTEL_TRACES_SAMPLER_ARG", "1.1", `OTEL_TRACES_SAMPLER_ARG is "1.1"; it takes a number from 0 to 1`},
		{"OTEL_TRACES_SAMPLER_ARG", "-0.1", `OTEL_TRACES_SAMPLER_ARG is "-0.1"; it takes a number from 0 to 1`},
		{"OTEL_TRACES_SAMPLER_ARG", "NaN", `OTEL_TRACES_SAMPLER_ARG is "NaN"; it takes a number from 0 to 1`},
		{"OTEL_TRACES_SAMPLER_ARG", "half", `OTEL_TRACES_SAMPLER_ARG is "half"; it takes a number from 0 to 1`},
	} {
		_, err := tracing.New(parse(t, exporting(test.variable, test.held)), "x", "1.2.3", discard())
		if got := fmt.Sprint(err); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// All mistakes are reported at once, a line for each.
func TestAllMistakes(t *testing.T) {
	_, err := tracing.New(tracing.Config{Endpoint: "x", Headers: "x", Attributes: "x", Sampler: "x", SamplerArg: "x"}, "x", "1.2.3", discard())
	if got := strings.Split(fmt.Sprint(err), "\n"); len(got) != 6 {
		t.Errorf("got %d lines, want 6: %q", len(got), got)
	}
}

// Without an endpoint Run waits for Stop, as a component of a process should,
// and the zero Config will do.
func TestRunWithoutExport(t *testing.T) {
	tracer, err := tracing.New(tracing.Config{}, "x", "1.2.3", discard())
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error)
	go func() { ran <- tracer.Run() }()
	tracer.Finish(tracer.Start(sampled, ""), tracing.Record{})
	select {
	case err := <-ran:
		t.Errorf("Run returned %v before Stop", err)
	case <-time.After(10 * time.Millisecond):
	}
	for range 2 {
		if err := tracer.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if err := <-ran; err != nil || tracer.Stats() != (tracing.Stats{}) {
		t.Errorf("Run returned %v, with %+v", err, tracer.Stats())
	}
}

// What is not exported costs no memory.
func TestAllocations(t *testing.T) {
	record := tracing.Record{Name: "GET /x", Begin: time.Now(), End: time.Now(), Attributes: []slog.Attr{slog.Int("a", 1)}}
	for _, test := range []struct {
		name, header string
		env          map[string]string
		want         float64
	}{
		{"no export, a new trace", "", nil, 0},
		{"no export, a continued one", sampled, nil, 0},
		{"not sampled", sampled, exporting("OTEL_TRACES_SAMPLER", "always_off"), 0},
	} {
		tracer := newTracer(t, discard(), test.env)
		got := testing.AllocsPerRun(1000, func() { tracer.Finish(tracer.Start(test.header, "a=b"), record) })
		if got != test.want {
			t.Errorf("%s: %v allocations, want %v", test.name, got, test.want)
		}
	}
}

func BenchmarkStartFinish(b *testing.B) {
	record := tracing.Record{
		Name: "GET /v1/playbooks/{id}", Begin: time.Now(), End: time.Now(),
		Attributes: []slog.Attr{slog.String("method", "GET"), slog.Int("status", 200), slog.Int64("bytes", 1234)},
	}
	for _, bench := range []struct {
		name, header string
		env          map[string]string
		// full says whether the queue stays full, as it does while the collector is
		// away.
		full bool
	}{
		{"disabled,new", "", nil, false},
		{"disabled,continued", sampled, nil, false},
		{"unsampled", sampled, exporting("OTEL_TRACES_SAMPLER", "always_off"), false},
		{"full", sampled, exporting(), true},
		{"enabled", sampled, exporting(), false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			tracer := newTracer(b, discard(), bench.env)
			b.ReportAllocs()
			for b.Loop() {
				tracer.Finish(tracer.Start(bench.header, ""), record)
				if !bench.full && tracer.Stats().Queued == tracing.MaxQueue {
					tracing.Drain(tracer)
				}
			}
		})
	}
}
