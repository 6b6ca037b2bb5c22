package tracing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
)

// The shape of an OTLP request, as far as this package writes it; decoding fails
// for anything else. Types are those that OTLP's JSON form prescribes.
type (
	request struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	span struct {
		TraceID      string      `json:"traceId"`
		SpanID       string      `json:"spanId"`
		ParentSpanID string      `json:"parentSpanId"`
		TraceState   string      `json:"traceState"`
		Flags        uint32      `json:"flags"`
		Name         string      `json:"name"`
		Kind         int         `json:"kind"`
		Start        string      `json:"startTimeUnixNano"`
		End          string      `json:"endTimeUnixNano"`
		Attributes   []attribute `json:"attributes"`
		Dropped      uint32      `json:"droppedAttributesCount"`
		Status       *status     `json:"status"`
	}
	status struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String *string `json:"stringValue"`
		Bool   *bool   `json:"boolValue"`
		Int    *string `json:"intValue"`
		Double any     `json:"doubleValue"`
	}
)

func text(key, s string) attribute  { return attribute{key, value{String: &s}} }
func whole(key, s string) attribute { return attribute{key, value{Int: &s}} }

// decode reads a request strictly.
func decode(body io.Reader) (request, error) {
	var decoded request
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&decoded); err != nil {
		return request{}, fmt.Errorf("decoding OTLP: %w", err)
	}
	if decoder.More() {
		return request{}, errors.New("there is more than one request")
	}
	return decoded, nil
}

// collector is a server that remembers what it was sent, which is for a test to
// read once the server is closed.
type collector struct {
	*httptest.Server
	mu       sync.Mutex
	spans    []span
	requests []*http.Request
	bodies   []request
	errs     []error
	// answer may answer a request instead; it says whether it did.
	answer func(number int, w http.ResponseWriter, r *http.Request) bool
}

func newCollector(t *testing.T, answer func(number int, w http.ResponseWriter, r *http.Request) bool) *collector {
	t.Helper()
	c := &collector{answer: answer}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

// ServeHTTP takes what the client sends.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	decoded, err := decode(r.Body)
	c.mu.Lock()
	c.requests = append(c.requests, r)
	number := len(c.requests)
	c.bodies = append(c.bodies, decoded)
	if err != nil {
		c.errs = append(c.errs, err)
	}
	c.mu.Unlock()
	if c.answer != nil && c.answer(number, w, r) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range decoded.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{}`)
}

func (c *collector) env(more ...string) map[string]string {
	env := exporting(more...)
	env["OTEL_EXPORTER_OTLP_ENDPOINT"] = c.URL
	return env
}

func stop(t *testing.T, tracer *tracing.Tracer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := tracer.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func finish(tracer *tracing.Tracer, count int) { finishNamed(tracer, count, "x") }

func finishNamed(tracer *tracing.Tracer, count int, name string) {
	for range count {
		tracer.Finish(tracer.Start("", ""), tracing.Record{Name: name, Begin: time.Now(), End: time.Now()})
	}
}

// A request to the collector is what OTLP prescribes, with all that is known of
// the process and of the span.
func TestExport(t *testing.T) {
	c := newCollector(t, nil)
	tracer := newTracer(t, discard(), c.env(
		"OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2, x-scope = a+b%3Dc ,",
		"OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=p%2C1,service.version=9,service.name=ignored,,k8s.pod.name=p%2C2",
		"OTEL_SERVICE_NAME", "playbook"))
	began := time.Unix(1700000000, 123456789)
	failed := tracer.Start(sampled, `rojo="1"`)
	tracer.Finish(failed, tracing.Record{
		Name: "/playbook.v1/Get \"\\\x01\n\xff☃", Begin: began, End: began.Add(1500 * time.Microsecond), Failed: true, Message: "UNAVAILABLE",
		Attributes: []slog.Attr{
			slog.String("s", "t"), slog.Bool("b", true), slog.Int("i", -7), slog.Int64("big", math.MaxInt64),
			slog.Uint64("u", 7), slog.Uint64("huge", math.MaxUint64), slog.Float64("f", 0.25), slog.Float64("e", 1e300),
			slog.Float64("nan", math.NaN()), slog.Float64("inf", math.Inf(-1)), slog.Duration("d", time.Microsecond),
			slog.Time("t", began.UTC()), slog.Any("err", errors.New("no")), slog.Any("secret", config.Secret("hunter2")),
			slog.Group("g", slog.Int("a", 1), slog.Group("h", slog.Int("b", 2)), slog.Group("", slog.Int("c", 3))),
			slog.Group("", slog.Int("inline", 4)), {},
		},
	})
	root := tracer.Start("", "")
	tracer.Finish(root, tracing.Record{Name: "GET /x", Begin: began, End: began.Add(-time.Second), Message: "200"})
	stop(t, tracer)
	c.Close()
	if len(c.requests) != 1 || len(c.errs) > 0 {
		t.Fatalf("got %d requests, %v", len(c.requests), c.errs)
	}
	r := c.requests[0]
	got := fmt.Sprintln(r.Method, r.URL.Path, r.Header["Content-Type"], r.Header["Authorization"], r.Header["X-Scope"], r.Header["User-Agent"])
	if want := "POST /v1/traces [application/json] [Bearer hunter2] [a+b=c] [soketsugo/1.2.3]\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	isTrue := true
	want := request{[]resourceSpans{{
		Resource: resource{[]attribute{
			text("service.name", "playbook"), text("service.version", "9"),
			text("telemetry.sdk.name", "github.com/soketsugo/soketsugo/libs/runtime/tracing"), text("telemetry.sdk.language", "go"),
			text("telemetry.sdk.version", "1.2.3"), text("k8s.pod.name", "p,2"),
		}},
		ScopeSpans: []scopeSpans{{
			Scope: scope{"github.com/soketsugo/soketsugo/libs/runtime/tracing", "1.2.3"},
			Spans: []span{{
				TraceID: traceID, SpanID: failed.SpanIDString(), ParentSpanID: spanID, TraceState: `rojo="1"`, Flags: 0x301,
				Name: "/playbook.v1/Get \"\\\x01\n\ufffd☃", Kind: 2, Start: "1700000000123456789", End: "1700000000124956789",
				Status: &status{2, "UNAVAILABLE"},
				Attributes: []attribute{
					text("s", "t"), {"b", value{Bool: &isTrue}}, whole("i", "-7"), whole("big", "9223372036854775807"),
					whole("u", "7"), text("huge", "18446744073709551615"), {"f", value{Double: 0.25}}, {"e", value{Double: 1e300}},
					{"nan", value{Double: "NaN"}}, {"inf", value{Double: "-Infinity"}}, whole("d", "1000"),
					text("t", "2023-11-14T22:13:20.123456789Z"), text("err", "no"), text("secret", "(redacted)"),
					whole("g.a", "1"), whole("g.h.b", "2"), whole("g.c", "3"), whole("inline", "4"),
				},
			}, {
				TraceID: root.TraceIDString(), SpanID: root.SpanIDString(), Flags: 0x101,
				Name: "GET /x", Kind: 2, Start: "1700000000123456789", End: "1700000000123456789",
			}},
		}},
	}}}
	if diff := cmp.Diff(want, c.bodies[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := tracer.Stats(), (tracing.Stats{Exported: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The name of the service comes from the variable for it, from the attributes or
// from the process, in this order; a path before /v1/traces is kept.
func TestServiceName(t *testing.T) {
	for _, test := range []struct{ variable, attributes, want string }{
		{"a", "service.name=b", "a"},
		{"", "service.name=b", "b"},
		{"", "", "x"},
	} {
		c := newCollector(t, nil)
		env := c.env("OTEL_SERVICE_NAME", test.variable, "OTEL_RESOURCE_ATTRIBUTES", test.attributes)
		env["OTEL_EXPORTER_OTLP_ENDPOINT"] += "/otlp/"
		tracer := newTracer(t, discard(), env)
		finish(tracer, 1)
		stop(t, tracer)
		c.Close()
		if diff := cmp.Diff(text("service.name", test.want), c.bodies[0].ResourceSpans[0].Resource.Attributes[0]); diff != "" || c.requests[0].URL.Path != "/otlp/v1/traces" {
			t.Errorf("%+v: sent to %s (-want +got):\n%s", test, c.requests[0].URL.Path, diff)
		}
	}
}

// A span has a bound, whatever a request holds.
func TestLimits(t *testing.T) {
	c := newCollector(t, nil)
	tracer := newTracer(t, discard(), c.env())
	long := strings.Repeat("a", tracing.MaxTextBytes-1) + "☃☃"
	record := tracing.Record{Name: long, Failed: true, Message: long}
	for range 10 {
		record.Attributes = append(record.Attributes, slog.String("k", long))
	}
	record.Attributes = append(record.Attributes, slog.Int("short", 1))
	tracer.Finish(tracer.Start("", ""), record)
	stop(t, tracer)
	c.Close()
	got := c.spans[0]
	clipped := long[:tracing.MaxTextBytes-1]
	if got.Name != clipped || got.Status.Message != clipped {
		t.Errorf("got a name of %d bytes and a message of %d", len(got.Name), len(got.Status.Message))
	}
	if diff := cmp.Diff([]attribute{text("k", clipped), text("k", clipped), whole("short", "1")}, got.Attributes); diff != "" || got.Dropped != 8 {
		t.Errorf("%d were dropped (-want +got):\n%s", got.Dropped, diff)
	}
}

// transport answers requests without a network, so that a test can look at
// times.
type transport func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(code int, body string, headers ...string) (*http.Response, error) {
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// What may pass is tried again, later each time and not for ever; what will not
// pass is not.
func TestRetry(t *testing.T) {
	pauses := func(count int) (pauses []time.Duration) {
		for i := range count {
			pauses = append(pauses, tracing.FirstPause<<i)
		}
		return pauses
	}
	for _, test := range []struct {
		name string
		// answers are given one after another, the last one for ever. 0 stands for a
		// broken connection.
		answers []int
		headers []string
		// pauses lie between the tries; those that depend on chance are half as long
		// at least.
		pauses []time.Duration
		exact  bool
		want   tracing.Stats
	}{
		{"taken", []int{200}, nil, nil, false, tracing.Stats{Exported: 1}},
		{"taken with another 2xx", []int{202}, nil, nil, false, tracing.Stats{Exported: 1}},
		{"taken after a while", []int{503, 429, 0, 504, 200}, nil, pauses(4), false, tracing.Stats{Exported: 1}},
		{"never taken", []int{503}, nil, pauses(tracing.MaxTries - 1), false, tracing.Stats{Dropped: 1}},
		{"nobody there", []int{0}, nil, pauses(tracing.MaxTries - 1), false, tracing.Stats{Dropped: 1}},
		{"refused", []int{400}, nil, nil, false, tracing.Stats{Dropped: 1}},
		{"not for us", []int{401}, nil, nil, false, tracing.Stats{Dropped: 1}},
		{"an error that OTLP says is final", []int{500}, nil, nil, false, tracing.Stats{Dropped: 1}},
		{"somewhere else", []int{307}, []string{"Location", "http://elsewhere/"}, nil, false, tracing.Stats{Dropped: 1}},
		{"Retry-After in seconds", []int{503, 200}, []string{"Retry-After", "7"}, []time.Duration{7 * time.Second}, true, tracing.Stats{Exported: 1}},
		{"Retry-After as a date", []int{429, 200}, []string{"Retry-After", "Sat, 01 Jan 2000 00:00:15 GMT"}, []time.Duration{14 * time.Second}, true, tracing.Stats{Exported: 1}},
		{"Retry-After that is too long", []int{503, 200}, []string{"Retry-After", "3600"}, []time.Duration{tracing.MaxRetryAfter}, true, tracing.Stats{Exported: 1}},
		{"Retry-After in the past", []int{503, 200}, []string{"Retry-After", "Sat, 01 Jan 1999 00:00:00 GMT"}, pauses(1), false, tracing.Stats{Exported: 1}},
		{"Retry-After that cannot be read", []int{503, 200}, []string{"Retry-After", "-1"}, pauses(1), false, tracing.Stats{Exported: 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			tracer := newTracer(t, discard(), exporting())
			var tries []time.Time
			tracing.SetTransport(tracer, transport(func(r *http.Request) (*http.Response, error) {
				if _, err := decode(r.Body); err != nil {
					t.Errorf("%s: %v", test.name, err)
				}
				answer := test.answers[min(len(tries), len(test.answers)-1)]
				tries = append(tries, time.Now())
				if answer == 0 {
					return nil, errors.New("connection refused")
				}
				return reply(answer, "", test.headers...)
			}))
			go func() { _ = tracer.Run() }()
			finish(tracer, 1)
			time.Sleep(time.Hour)
			stop(t, tracer)
			if len(tries) != len(test.pauses)+1 {
				t.Fatalf("%s: %d tries, want %d", test.name, len(tries), len(test.pauses)+1)
			}
			for i, want := range test.pauses {
				got := tries[i+1].Sub(tries[i])
				if got > want || got < want/2 || test.exact && got != want {
					t.Errorf("%s: pause %d took %v, want %v", test.name, i, got, want)
				}
			}
			if got := tracer.Stats(); got != test.want {
				t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
			}
		})
	}
}

// Spans are sent when a batch is full or has waited for long enough.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := newTracer(t, discard(), exporting())
		began := time.Now()
		type batch struct {
			After time.Duration
			Spans int
		}
		var got []batch
		tracing.SetTransport(tracer, transport(func(r *http.Request) (*http.Response, error) {
			decoded, err := decode(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, batch{time.Since(began), len(decoded.ResourceSpans[0].ScopeSpans[0].Spans)})
			return reply(http.StatusOK, "{}")
		}))
		go func() { _ = tracer.Run() }()
		time.Sleep(time.Minute)
		finish(tracer, 1)
		time.Sleep(tracing.BatchInterval / 2)
		finish(tracer, 1)
		time.Sleep(time.Minute - tracing.BatchInterval/2)
		finish(tracer, 2*tracing.MaxBatch+3)
		time.Sleep(time.Minute)
		finish(tracer, 5)
		stop(t, tracer)
		want := []batch{
			{time.Minute + tracing.BatchInterval, 2},
			{2 * time.Minute, tracing.MaxBatch}, {2 * time.Minute, tracing.MaxBatch}, {2*time.Minute + tracing.BatchInterval, 3},
			{3 * time.Minute, 5},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A collector that takes a part of a batch is believed.
func TestPartialSuccess(t *testing.T) {
	for _, test := range []struct {
		answer string
		want   tracing.Stats
	}{
		{`{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}`, tracing.Stats{Exported: 1, Dropped: 2}},
		{`{"partialSuccess":{"rejectedSpans":2}}`, tracing.Stats{Exported: 1, Dropped: 2}},
		{`{"partialSuccess":{"rejectedSpans":"200"}}`, tracing.Stats{Dropped: 3}},
		{`{"partialSuccess":{"rejectedSpans":"-1"}}`, tracing.Stats{Exported: 3}},
		{`{"partialSuccess":{"errorMessage":"a warning"}}`, tracing.Stats{Exported: 3}},
		{`{"partialSuccess":{}}`, tracing.Stats{Exported: 3}},
		{`{}`, tracing.Stats{Exported: 3}},
		{``, tracing.Stats{Exported: 3}},
		{`<html>`, tracing.Stats{Exported: 3}},
		{strings.Repeat(" ", 2*tracing.MaxAnswerBytes), tracing.Stats{Exported: 3}},
	} {
		tracer := newTracer(t, discard(), exporting())
		tracing.SetTransport(tracer, transport(func(*http.Request) (*http.Response, error) { return reply(http.StatusOK, test.answer) }))
		finish(tracer, 3)
		err := tracer.Stop(context.Background())
		if got := tracer.Stats(); got != test.want || (err != nil) != (test.want.Dropped > 0) {
			t.Errorf("%.80s: got %+v, %v, want %+v", test.answer, got, err, test.want)
		}
	}
}

// A full queue drops the newest, and Stop sends what is queued even where Run
// was never called.
func TestQueue(t *testing.T) {
	c := newCollector(t, nil)
	tracer := newTracer(t, discard(), c.env())
	finishNamed(tracer, tracing.MaxQueue, "in time")
	finishNamed(tracer, 10, "late")
	if got, want := tracer.Stats(), (tracing.Stats{Queued: tracing.MaxQueue, Dropped: 10}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	stop(t, tracer)
	finish(tracer, 1)
	if got, want := tracer.Stats(), (tracing.Stats{Exported: tracing.MaxQueue, Dropped: 11}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := tracer.Run(); err != nil {
		t.Error(err)
	}
	c.Close()
	inTime := 0
	for _, span := range c.spans {
		if span.Name == "in time" {
			inTime++
		}
	}
	if inTime != tracing.MaxQueue || len(c.spans) != inTime || len(c.errs) > 0 {
		t.Errorf("the collector got %d spans, %d of them in time, %v", len(c.spans), inTime, c.errs)
	}
}

// Requests go on as if nothing were wrong while the collector hangs, and Stop
// gives up with its context.
func TestHangingCollector(t *testing.T) {
	hang := make(chan struct{})
	c := newCollector(t, func(int, http.ResponseWriter, *http.Request) bool {
		<-hang
		return true
	})
	defer close(hang)
	tracer := newTracer(t, discard(), c.env())
	ran := make(chan error, 1)
	go func() { ran <- tracer.Run() }()
	const spans = 20 * tracing.MaxQueue
	began := time.Now()
	finish(tracer, spans)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d spans took %v", spans, took)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	began = time.Now()
	err := tracer.Stop(ctx)
	if took := time.Since(began); !errors.Is(err, context.Canceled) || took > 5*time.Second {
		t.Errorf("Stop took %v and returned %v", took, err)
	}
	if err := <-ran; err != nil {
		t.Errorf("Run returned %v", err)
	}
	if got, want := tracer.Stats(), (tracing.Stats{Dropped: spans}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A try has a time limit, a hanging collector or not.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := newTracer(t, discard(), exporting("OTEL_EXPORTER_OTLP_TIMEOUT", "250"))
		var took []time.Duration
		tracing.SetTransport(tracer, transport(func(r *http.Request) (*http.Response, error) {
			began := time.Now()
			<-r.Context().Done()
			took = append(took, time.Since(began))
			return nil, r.Context().Err()
		}))
		finish(tracer, 1)
		err := tracer.Stop(t.Context())
		limit := 250 * time.Millisecond
		if diff := cmp.Diff([]time.Duration{limit, limit, limit, limit, limit}, took); diff != "" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop returned %v; tries (-want +got):\n%s", err, diff)
		}
	})
}

// Stop cuts a pause short, asks once more, and gives the rest up when that was
// in vain.
func TestStopWhileWaiting(t *testing.T) {
	for _, test := range []struct {
		name    string
		healed  bool
		want    tracing.Stats
		longest time.Duration
	}{
		{"the collector is back", true, tracing.Stats{Exported: tracing.MaxQueue}, 0},
		{"the collector stays away", false, tracing.Stats{Dropped: tracing.MaxQueue}, (tracing.MaxTries - 2) * tracing.MaxStopPause},
	} {
		synctest.Test(t, func(t *testing.T) {
			tracer := newTracer(t, discard(), exporting())
			var healed atomic.Bool
			tracing.SetTransport(tracer, transport(func(*http.Request) (*http.Response, error) {
				if healed.Load() {
					return reply(http.StatusOK, "{}")
				}
				return reply(http.StatusServiceUnavailable, "", "Retry-After", "20")
			}))
			go func() { _ = tracer.Run() }()
			finish(tracer, tracing.MaxQueue)
			time.Sleep(time.Second)
			healed.Store(test.healed)
			began := time.Now()
			err := tracer.Stop(t.Context())
			if took := time.Since(began); took != test.longest || (err == nil) != test.healed {
				t.Errorf("%s: Stop took %v, want %v, and returned %v", test.name, took, test.longest, err)
			}
			if got := tracer.Stats(); got != test.want {
				t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
			}
		})
	}
}

// The log says once that exporting fails and once that it works again, and holds
// nothing secret, whatever the collector answers.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		tracer := newTracer(t, log, exporting("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"))
		var healed atomic.Bool
		tracing.SetTransport(tracer, transport(func(r *http.Request) (*http.Response, error) {
			if healed.Load() {
				return reply(http.StatusOK, "{}")
			}
			return reply(http.StatusUnauthorized, r.Header.Get("Authorization"))
		}))
		go func() { _ = tracer.Run() }()
		for range 3 {
			finish(tracer, 2)
			time.Sleep(time.Minute)
		}
		healed.Store(true)
		for range 3 {
			finish(tracer, 2)
			time.Sleep(time.Minute)
		}
		stop(t, tracer)
		var got []string
		for line := range strings.Lines(out.String()) {
			_, rest, _ := strings.Cut(line, " ")
			got = append(got, strings.TrimSpace(rest))
		}
		want := []string{
			`level=WARN msg="cannot export spans" error="sending 2 spans: the collector answered 401 Unauthorized"`,
			`level=INFO msg="exporting spans again" dropped=6`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Credentials go to the collector that was configured and to nobody else.
func TestRedirect(t *testing.T) {
	other := newCollector(t, nil)
	for _, code := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		c := newCollector(t, func(_ int, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, other.URL+"/v1/traces", code)
			return true
		})
		tracer := newTracer(t, discard(), c.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"))
		finish(tracer, 1)
		err := tracer.Stop(context.Background())
		c.Close()
		if err == nil || strings.Contains(err.Error(), "hunter2") || len(c.requests) != 1 || len(other.requests) != 0 {
			t.Errorf("%d: got %v after %d requests, and %d elsewhere", code, err, len(c.requests), len(other.requests))
		}
	}
}

// A collector that restarts loses nothing: the next try finds it.
func TestRestartingCollector(t *testing.T) {
	c := newCollector(t, func(number int, w http.ResponseWriter, _ *http.Request) bool {
		if number > 1 {
			return false
		}
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			err = connection.Close()
		}
		if err != nil {
			t.Error(err)
		}
		return true
	})
	tracer := newTracer(t, discard(), c.env())
	finish(tracer, 3)
	stop(t, tracer)
	c.Close()
	if got, want := tracer.Stats(), (tracing.Stats{Exported: 3}); got != want || len(c.spans) != 3 {
		t.Errorf("got %+v, want %+v; the collector has %d spans", got, want, len(c.spans))
	}
}

// Every span is either exported or counted as dropped, whoever finishes them and
// when.
func TestConcurrency(t *testing.T) {
	c := newCollector(t, nil)
	tracer := newTracer(t, discard(), c.env())
	ran := make(chan error, 1)
	go func() { ran <- tracer.Run() }()
	const workers, each = 8, 2000
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for range each {
				finish(tracer, 1)
				_ = tracer.Stats()
			}
		})
	}
	working.Wait()
	var stopping sync.WaitGroup
	for range 3 {
		stopping.Go(func() { stop(t, tracer) })
	}
	stopping.Wait()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	got := tracer.Stats()
	c.Close()
	if got.Exported+got.Dropped != workers*each || got.Queued != 0 || got.Exported != uint64(len(c.spans)) || len(c.errs) > 0 {
		t.Errorf("got %+v of %d, %d spans, %v", got, workers*each, len(c.spans), c.errs)
	}
}
