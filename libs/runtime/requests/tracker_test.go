package requests_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/logging"
	"github.com/soketsugo/soketsugo/libs/runtime/metrics"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
)

// fixture is a tracker with what can be seen of it.
type fixture struct {
	*requests.Tracker
	log     *bytes.Buffer
	buffer  *logging.Buffer
	metrics *metrics.Registry
}

func newTracker(t testing.TB, limit int) fixture {
	t.Helper()
	f := fixture{log: &bytes.Buffer{}, metrics: metrics.New()}
	tracer, err := tracing.New(tracing.Config{Sampler: "parentbased_always_on", SamplerArg: "1"}, "x", "1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	settings := logging.Config{Level: "info", Format: "text"}
	f.buffer = logging.NewBuffer(f.log)
	f.Tracker = requests.New(requests.Config{MaxInFlight: limit, Timeout: time.Second},
		logging.New(f.buffer, settings, requests.Annotate), logging.NewAccess(f.buffer, settings), f.metrics, tracer)
	return f
}

func (f fixture) wantMetrics(t *testing.T, lines ...string) {
	t.Helper()
	var text strings.Builder
	f.metrics.Write(&text)
	for _, line := range lines {
		if !strings.Contains(text.String(), line+"\n") {
			t.Errorf("the metrics lack %q", line)
		}
	}
}

// A request is counted, measured and logged under its route, with its ID.
func TestRequest(t *testing.T) {
	f := newTracker(t, 10)
	ctx, request := f.Transport("http").Begin(t.Context(), requests.Unmatched, requests.Incoming{RequestID: "abc-1"})
	if requests.From(ctx) != request || request.ID != "abc-1" {
		t.Errorf("the context holds %v with ID %q", requests.From(ctx), request.ID)
	}
	request.SetRoute("GET /v1/things/{id}")
	f.wantMetrics(t, "requests_in_flight 1")
	request.End(requests.Result{Code: "200", Outcome: requests.OK, Attributes: []slog.Attr{slog.String("path", "/v1/things/7")}})
	f.wantMetrics(t, "requests_in_flight 0",
		`requests_total{transport="http",route="GET /v1/things/{id}",code="200",outcome="ok"} 1`,
		`request_duration_seconds_count{transport="http",route="GET /v1/things/{id}"} 1`)
	if err := f.buffer.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"msg=request", "transport=http", `route="GET /v1/things/{id}"`, "code=200", "path=/v1/things/7", "request_id=abc-1"} {
		if strings.Count(f.log.String(), want) != 1 {
			t.Errorf("the log has %q %d times, want once: %s", want, strings.Count(f.log.String(), want), f.log)
		}
	}
	if requests.From(t.Context()) != nil {
		t.Error("a context without a request has one")
	}
}

// One code can end in two ways: an answer that broke off has the code that it began
// with.
func TestOutcomes(t *testing.T) {
	f := newTracker(t, 10)
	transport := f.Transport("http")
	for _, outcome := range []requests.Outcome{requests.Failed, requests.OK, requests.OK} {
		_, request := transport.Begin(t.Context(), "/", requests.Incoming{})
		request.End(requests.Result{Code: "200", Outcome: outcome})
	}
	f.wantMetrics(t,
		`requests_total{transport="http",route="/",code="200",outcome="failed"} 1`,
		`requests_total{transport="http",route="/",code="200",outcome="ok"} 2`)
}

// An ID that is missing, or that could do harm in a log, is replaced by the
// trace's.
func TestRequestID(t *testing.T) {
	f := newTracker(t, 0)
	transport := f.Transport("http")
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, test := range []struct{ given, want string }{
		{"", trace}, {"ok.1_2-3:4/5+6=", "ok.1_2-3:4/5+6="}, {"with space", trace}, {"new\nline", trace}, {`quo"te`, trace}, {"é", trace},
		{strings.Repeat("a", 128), strings.Repeat("a", 128)}, {strings.Repeat("a", 129), trace},
	} {
		_, request := transport.Begin(t.Context(), "r", requests.Incoming{
			RequestID: test.given, Traceparent: "00-" + trace + "-00f067aa0ba902b7-01",
		})
		if request.ID != test.want {
			t.Errorf("%q: the ID is %q, want %q", test.given, request.ID, test.want)
		}
	}
}

// Beyond the limit requests are refused, counted, and taken again when others
// have ended; the log says so once. The limit is the process's, not the
// transport's.
func TestLimit(t *testing.T) {
	f := newTracker(t, 2)
	http, grpc := f.Transport("http"), f.Transport("grpc")
	if http.Full() {
		t.Error("it is full at the start")
	}
	_, first := http.Begin(t.Context(), "r", requests.Incoming{})
	_, _ = grpc.Begin(t.Context(), "r", requests.Incoming{})
	if _, third := http.Begin(t.Context(), "r", requests.Incoming{}); third != nil {
		t.Error("a third request was taken")
	}
	for range 2 {
		if !grpc.Full() {
			t.Error("it is not full with two")
		}
	}
	f.wantMetrics(t, "requests_in_flight 2", "requests_in_flight_limit 2",
		`requests_shed_total{transport="http"} 1`, `requests_shed_total{transport="grpc"} 2`)
	first.End(requests.Result{Code: "200", Outcome: requests.OK})
	if _, fourth := grpc.Begin(t.Context(), "r", requests.Incoming{}); fourth == nil {
		t.Error("a request was refused although there was room")
	}
	if got := strings.Count(f.log.String(), "refusing requests"); got != 1 {
		t.Errorf("the log says %d times that requests are refused, want once:\n%s", got, f.log)
	}
}

// Streams, which last, leave half of the room to others, and get it back when they
// end.
func TestStreamLimit(t *testing.T) {
	f := newTracker(t, 4)
	transport := f.Transport("grpc")
	begin := func(stream bool) *requests.Request {
		_, request := transport.Begin(t.Context(), "/", requests.Incoming{Stream: stream})
		return request
	}
	first := begin(true)
	if first == nil || begin(true) == nil {
		t.Fatal("a stream within the limit was refused")
	}
	if begin(true) != nil {
		t.Error("a stream too many was let in")
	}
	call := begin(false)
	if call == nil {
		t.Fatal("streams leave no room")
	}
	first.End(requests.Result{Code: "OK", Outcome: requests.OK})
	call.End(requests.Result{Code: "OK", Outcome: requests.OK})
	if begin(true) == nil || begin(true) != nil {
		t.Error("what a stream held is not what the next one gets")
	}
}

// Without a limit nothing is refused.
func TestNoLimit(t *testing.T) {
	f := newTracker(t, 0)
	transport := f.Transport("http")
	for range 10_000 {
		if _, request := transport.Begin(t.Context(), "r", requests.Incoming{}); request == nil || transport.Full() {
			t.Fatal("a request was refused")
		}
	}
}

// The report says what the drain waited for, by route, and what it cut off:
// that which ends afterwards was cut off all the same.
func TestReport(t *testing.T) {
	f := newTracker(t, 0)
	transport := f.Transport("http")
	begin := func(route string) func() {
		_, request := transport.Begin(t.Context(), route, requests.Incoming{})
		return func() { request.End(requests.Result{Code: "200", Outcome: requests.OK}) }
	}
	begin("before")()
	ends, endsToo, isCut := begin("a"), begin("b"), begin("b")
	f.Leave(0)
	ends()
	late := begin("a")
	if got := f.Report(); got.Waited != 4 || got.Finished != 1 || got.Cut != 0 {
		t.Errorf("during the drain: %+v", got)
	}
	late()
	endsToo()
	f.Cut()
	isCut()
	want := requests.Report{Waited: 4, Finished: 3, Cut: 1, Routes: []requests.RouteReport{
		{Route: "a", Waited: 2, Finished: 2}, {Route: "b", Waited: 2, Finished: 1, Cut: 1},
	}}
	if diff := cmp.Diff(want, f.Report()); diff != "" {
		t.Errorf("after it (-want +got):\n%s", diff)
	}
	cut, report := f.Drained()
	var line bytes.Buffer
	slog.New(slog.NewTextHandler(&line, nil)).Info("drained", "requests", report)
	if cut != 1 || !strings.Contains(line.String(), "requests.waited=4 requests.finished=3 requests.cut=1 requests.a.waited=2") {
		t.Errorf("Drained: %d, %s", cut, &line)
	}
}

// Requests that last are told to end, at random moments within the spread, and
// so are those that begin afterwards; those that have ended are forgotten.
func TestLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const spread, count = time.Second, 100
		f := newTracker(t, 0)
		transport := f.Transport("grpc")
		_, ended := transport.Begin(t.Context(), "r", requests.Incoming{})
		gone := ended.Leaving()
		ended.End(requests.Result{Code: "OK", Outcome: requests.OK})
		begin := time.Now()
		var mu sync.Mutex
		var told []time.Duration
		for range count {
			_, request := transport.Begin(t.Context(), "r", requests.Incoming{})
			first := request.Leaving()
			if again := request.Leaving(); again != first {
				t.Fatal("a request has two channels")
			}
			go func() {
				<-first
				mu.Lock()
				defer mu.Unlock()
				told = append(told, time.Since(begin))
			}()
		}
		select {
		case <-f.Left():
			t.Error("it has left before Leave")
		default:
		}
		f.Leave(spread)
		<-f.Left()
		time.Sleep(spread)
		synctest.Wait()
		if len(told) != count || told[0] > spread/2 || told[count-1] < spread/2 || told[count-1] > spread {
			t.Errorf("%d of %d were told, after %v", len(told), count, told)
		}
		_, late := transport.Begin(t.Context(), "r", requests.Incoming{})
		select {
		case <-late.Leaving():
		case <-time.After(spread):
			t.Error("a request that came late was not told")
		}
		select {
		case <-gone:
			t.Error("a request that had ended was told")
		default:
		}
	})
}

// Many requests at once leave nothing behind.
func TestConcurrent(t *testing.T) {
	f := newTracker(t, 50)
	transport := f.Transport("http")
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			for i := range 500 {
				_, request := transport.Begin(context.Background(), requests.Unmatched, requests.Incoming{})
				if request == nil {
					continue
				}
				request.SetRoute([]string{"a", "b", "c"}[i%3])
				request.End(requests.Result{Code: "200", Outcome: requests.OK})
			}
		})
	}
	working.Wait()
	f.wantMetrics(t, "requests_in_flight 0")
}

// What every request costs, its line in the log included.
func BenchmarkRequest(b *testing.B) {
	f := newTracker(b, 10)
	transport := f.Transport("http")
	b.ReportAllocs()
	for b.Loop() {
		_, request := transport.Begin(b.Context(), "r", requests.Incoming{})
		request.End(requests.Result{Code: "200", Outcome: requests.OK})
		f.log.Reset()
	}
}
