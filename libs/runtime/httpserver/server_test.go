package httpserver_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/buildinfo"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/httpserver"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/logging"
	"github.com/soketsugo/soketsugo/libs/runtime/metrics"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is what a server needs, and what can be seen of it.
type fixture struct {
	server  *httpserver.Server
	base    string
	state   *health.State
	tracker *requests.Tracker
	metrics *metrics.Registry
	client  *http.Client
	log     *lockedBuffer
}

// lockedBuffer holds the log.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
	flush func() error
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	_ = b.flush() // it writes to memory
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// start serves what build returns on a free port.
func start(t *testing.T, change func(*requests.Config), build func(*fixture) *httpserver.Server) *fixture {
	t.Helper()
	var settings struct {
		Requests requests.Config
		Health   health.Config
		Tracing  tracing.Config
	}
	config.Defaults(&settings)
	if change != nil {
		change(&settings.Requests)
	}
	f := &fixture{metrics: metrics.New(), log: &lockedBuffer{}, client: &http.Client{Transport: &http.Transport{}}}
	logs := logging.Config{Level: "info", Format: "text"}
	buffer := logging.NewBuffer(f.log)
	log := logging.New(buffer, logs, requests.Annotate)
	f.log.flush = buffer.Flush
	tracer, err := tracing.New(settings.Tracing, "test", "1", log)
	if err != nil {
		t.Fatal(err)
	}
	f.state = health.New(settings.Health, log)
	f.tracker = requests.New(settings.Requests, log, logging.NewAccess(buffer, logs), f.metrics, tracer)
	f.server = build(f)
	if err := f.server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.base = "http://" + f.server.Addr().String()
	served := make(chan error, 1)
	go func() { served <- f.server.Run() }()
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = f.server.Stop(ctx)
		if err := <-served; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return f
}

func startAPI(t *testing.T, change func(*requests.Config), handler http.HandlerFunc) *fixture {
	t.Helper()
	return start(t, change, func(f *fixture) *httpserver.Server {
		log := logging.New(f.log, logging.Config{Level: "info", Format: "text"}, requests.Annotate)
		return httpserver.New(httpserver.Config{Addr: "127.0.0.1:0"}, log, f.state, f.tracker, handler)
	})
}

// send returns the answer and its body.
func (f *fixture) send(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, f.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := f.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(data)
}

func wantProblem(t *testing.T, response *http.Response, body string, status int) {
	t.Helper()
	var details problem.Details
	if err := json.Unmarshal([]byte(body), &details); err != nil {
		t.Errorf("the body %q is not JSON: %v", body, err)
	}
	if response.StatusCode != status || details.Status != status || response.Header.Get("Content-Type") != problem.ContentType {
		t.Errorf("got %s, %s, %q; want a problem with status %d", response.Status, response.Header.Get("Content-Type"), body, status)
	}
}

func (f *fixture) wantMetric(t *testing.T, line string) {
	t.Helper()
	var text strings.Builder
	f.metrics.Write(&text)
	if !strings.Contains(text.String(), line+"\n") {
		t.Errorf("the metrics lack %q", line)
	}
}

// Liveness follows the heartbeat, readiness the state, and while draining
// connections are closed after their answer. Probes are neither logged nor
// counted.
func TestProbes(t *testing.T) {
	f := startAPI(t, nil, http.NotFound)
	expect := func(when, path string, status int, text string) *http.Response {
		t.Helper()
		response, body := f.send(t, http.MethodGet, path, "")
		if response.StatusCode != status || !strings.Contains(body, text) {
			t.Errorf("%s: %s answered %s, %q; want %d, %q", when, path, response.Status, body, status, text)
		}
		return response
	}
	expect("at the start", "/livez", 200, "ok")
	expect("at the start", "/readyz", 503, "not ready")
	expect("at the start", "/readyz?verbose", 503, `{"name":"serving","ok":false`)
	f.state.Serving()
	if response := expect("when ready", "/readyz", 200, "ok"); response.Close {
		t.Error("the connection was closed though nothing is draining")
	}
	expect("when ready", "/readyz?verbose", 200, `"ready":true`)
	expect("when ready", "/livez?verbose", 200, `"alive":true`)
	f.state.Drain(false)
	if response := expect("while draining", "/readyz", 503, "not ready"); !response.Close {
		t.Error("the connection was kept while draining")
	}
	expect("while draining", "/livez", 200, "ok")
	response, body := f.send(t, http.MethodPost, "/livez", "")
	wantProblem(t, response, body, http.StatusMethodNotAllowed)
	if f.log.String() != "" && !strings.Contains(f.log.String(), "not ready") || strings.Contains(f.log.String(), "msg=request") {
		t.Errorf("probes are in the log: %s", f.log)
	}
}

// A request is logged with its route, its answer and its ID, which the answer
// carries too.
func TestRequest(t *testing.T) {
	f := startAPI(t, nil, func(w http.ResponseWriter, r *http.Request) {
		requests.From(r.Context()).SetRoute("GET /things/{id}")
		_, _ = io.WriteString(w, "hello")
	})
	response, _ := f.send(t, http.MethodGet, "/things/7", "", "X-Request-Id", "mine")
	if got := response.Header.Get("X-Request-Id"); got != "mine" {
		t.Errorf("the answer's ID is %q, want mine", got)
	}
	response, _ = f.send(t, http.MethodGet, "/things/7", "", "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if got := response.Header.Get("X-Request-Id"); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("the answer's ID is %q, want the trace's", got)
	}
	f.wantMetric(t, `requests_total{transport="http",route="GET /things/{id}",code="200",outcome="ok"} 2`)
	for _, want := range []string{`route="GET /things/{id}"`, "code=200", "path=/things/7", "bytes=5", "request_id=mine"} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, f.log)
		}
	}
}

// A panic becomes a problem without its text, or a broken connection when half
// an answer is out. Both are counted as failures.
func TestPanic(t *testing.T) {
	f := startAPI(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		}
		panic("secret")
	})
	response, body := f.send(t, http.MethodGet, "/early", "")
	wantProblem(t, response, body, http.StatusInternalServerError)
	if strings.Contains(body, "secret") {
		t.Errorf("the cause is in %q", body)
	}
	late, err := f.client.Get(f.base + "/late")
	if err == nil {
		_, err = io.ReadAll(late.Body)
		late.Body.Close()
	}
	if err == nil {
		t.Error("half an answer looked whole")
	}
	f.wantMetric(t, "request_panics_total 2")
	f.wantMetric(t, `requests_total{transport="http",route="unmatched",code="500",outcome="failed"} 1`)
	f.wantMetric(t, `requests_total{transport="http",route="unmatched",code="200",outcome="failed"} 1`)
}

// A body over the limit cannot be read, and a request has a deadline.
func TestLimits(t *testing.T) {
	errs := make(chan error, 1)
	var left time.Duration
	f := startAPI(t, func(c *requests.Config) { c.Timeout = 10 * time.Second }, func(_ http.ResponseWriter, r *http.Request) {
		deadline, _ := r.Context().Deadline()
		left = time.Until(deadline)
		_, err := io.ReadAll(r.Body)
		errs <- err
	})
	f.send(t, http.MethodPost, "/", strings.Repeat("x", httpserver.MaxBodySize+1))
	var tooLarge *http.MaxBytesError
	if err := <-errs; !errors.As(err, &tooLarge) {
		t.Errorf("got %v, want %T", err, tooLarge)
	}
	if left < 5*time.Second || left > 10*time.Second {
		t.Errorf("the deadline is in %s, want 10s", left)
	}
}

// Beyond the limit requests are refused with a hint when to come back, probes
// are not, and there is room again afterwards.
func TestOverload(t *testing.T) {
	entered, release := make(chan struct{}, 1), make(chan struct{})
	f := startAPI(t, func(c *requests.Config) { c.MaxInFlight = 1 }, func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	})
	answered := make(chan error, 1)
	go func() {
		response, err := f.client.Get(f.base + "/slow")
		if err == nil {
			response.Body.Close()
		}
		answered <- err
	}()
	<-entered
	response, body := f.send(t, http.MethodGet, "/", "")
	wantProblem(t, response, body, http.StatusServiceUnavailable)
	if response.Header.Get("Retry-After") == "" {
		t.Error("the answer does not say when to come back")
	}
	if response, _ := f.send(t, http.MethodGet, "/livez", ""); response.StatusCode != http.StatusOK {
		t.Errorf("a probe got %s", response.Status)
	}
	f.wantMetric(t, `requests_shed_total{transport="http"} 1`)
	close(release)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if response, _ := f.send(t, http.MethodGet, "/", ""); response.StatusCode != http.StatusOK {
		t.Errorf("a request afterwards got %s", response.Status)
	}
}

// Stop waits for a request in flight, whose answer says that its connection is
// the last, though it began before the drain; at the deadline it cuts it off.
func TestStop(t *testing.T) {
	for _, test := range []struct {
		name  string
		ends  bool
		want  error
		limit time.Duration
	}{
		{"a request that ends", true, nil, 10 * time.Second},
		{"a request that does not", false, lifecycle.ErrCut, 50 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			entered, release := make(chan struct{}), make(chan struct{})
			f := startAPI(t, nil, func(http.ResponseWriter, *http.Request) {
				close(entered)
				<-release
			})
			answered := make(chan error, 1)
			go func() {
				response, err := f.client.Get(f.base)
				if err == nil {
					response.Body.Close()
					if !response.Close {
						err = errors.New("the connection was kept")
					}
				}
				answered <- err
			}()
			<-entered
			f.state.Drain(false)
			if test.ends {
				time.AfterFunc(50*time.Millisecond, func() { close(release) })
			} else {
				defer close(release)
			}
			ctx, cancel := context.WithTimeout(t.Context(), test.limit)
			defer cancel()
			if err := f.server.Stop(ctx); !errors.Is(err, test.want) {
				t.Errorf("Stop: got %v, want %v", err, test.want)
			}
			if err := <-answered; (err == nil) != test.ends {
				t.Errorf("the request: got %v, want success = %v", err, test.ends)
			}
		})
	}
}

// dial opens a connection to the server and returns it with a reader of answers.
func (f *fixture) dial(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", f.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func answer(t *testing.T, reader *bufio.Reader) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatalf("reading an answer: %v", err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response
}

// A request that has begun to arrive when Stop is called gets its answer, however
// slowly it arrives; an idle connection is closed at once. net/http's own
// Shutdown would close both.
func TestStopKeepsWhatHasBegunToArrive(t *testing.T) {
	f := startAPI(t, nil, func(http.ResponseWriter, *http.Request) {})
	idle, idleReader := f.dial(t)
	begun, begunReader := f.dial(t)
	for _, c := range []struct {
		net.Conn
		*bufio.Reader
	}{{idle, idleReader}, {begun, begunReader}} {
		fmt.Fprint(c.Conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if response := answer(t, c.Reader); response.Close {
			t.Fatal("the connection was not kept")
		}
	}
	fmt.Fprint(begun, "GET / HT")
	time.Sleep(50 * time.Millisecond)
	f.state.Drain(false)
	stopped := make(chan error, 1)
	go func() { stopped <- f.server.Stop(context.Background()) }()
	if _, err := idleReader.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection: got %v, want its end", err)
	}
	for _, part := range []string{"TP/1.1\r\n", "Host: x\r\n", "\r\n"} {
		time.Sleep(50 * time.Millisecond)
		fmt.Fprint(begun, part)
	}
	if response := answer(t, begunReader); response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("got %s, close %v", response.Status, response.Close)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// A request that arrived together with the one before gets its answer, although
// nothing was seen to arrive since that was answered.
func TestStopKeepsPipelinedRequest(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	f := startAPI(t, nil, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(begun)
			<-finish
		}
	})
	conn, reader := f.dial(t)
	fmt.Fprint(conn, "GET /fast HTTP/1.1\r\nHost: x\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	answer(t, reader)
	<-begun
	f.state.Drain(false)
	stopped := make(chan error, 1)
	go func() { stopped <- f.server.Stop(context.Background()) }()
	time.Sleep(200 * time.Millisecond)
	close(finish)
	if response, err := http.ReadResponse(reader, nil); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("the second answer: %v, %v", response, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// An idle connection can still be used for a while after the listener has
// closed; its answer is then its last.
func TestStopGivesIdleConnectionsAChance(t *testing.T) {
	f := startAPI(t, nil, func(http.ResponseWriter, *http.Request) {})
	const count = 20
	readers := make([]*bufio.Reader, count)
	conns := make([]net.Conn, count)
	for i := range count {
		conns[i], readers[i] = f.dial(t)
		fmt.Fprint(conns[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		answer(t, readers[i])
	}
	f.state.Drain(false)
	const spread = 400 * time.Millisecond
	f.tracker.Leave(spread)
	begin := time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- f.server.Stop(context.Background()) }()
	time.Sleep(spread / 4)
	used := 0
	for i := range count {
		fmt.Fprint(conns[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if response, err := http.ReadResponse(readers[i], nil); err == nil {
			used++
			if !response.Close {
				t.Error("the answer does not say that it is the last")
			}
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop: %v", err)
	}
	if took := time.Since(begin); used < count || took > 5*time.Second {
		t.Errorf("%d of %d connections could still be used, and Stop took %s", used, count, took)
	}
}

// Stop waits for a connection that a handler took over, and cuts it off at the
// deadline. Its handler is told that it should end.
func TestStopWaitsForHijackedConnections(t *testing.T) {
	for _, listens := range []bool{true, false} {
		release := make(chan struct{})
		f := startAPI(t, nil, func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			leaving := requests.From(r.Context()).Leaving()
			if !listens {
				leaving = nil
			}
			go func() {
				defer conn.Close()
				select {
				case <-leaving:
					fmt.Fprint(conn, "bye")
				case <-release:
				}
			}()
			if listens {
				// The request lasts as long as its handler.
				<-leaving
			}
		})
		conn, reader := f.dial(t)
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if response, err := http.ReadResponse(reader, nil); err != nil || response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("got %v, %v", response, err)
		}
		f.state.Drain(false)
		f.tracker.Leave(0)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := f.server.Stop(ctx)
		last, _ := io.ReadAll(reader)
		switch {
		case listens && (err != nil || string(last) != "bye"):
			t.Errorf("a handler that listens: Stop returned %v, and the last words were %q", err, last)
		case !listens && (!errors.Is(err, lifecycle.ErrCut) || len(last) != 0):
			t.Errorf("a handler that does not: Stop returned %v, and the last words were %q", err, last)
		}
		close(release)
	}
}

// A long poll is told to end, and its answer closes the connection.
func TestLongPoll(t *testing.T) {
	entered := make(chan struct{})
	f := startAPI(t, nil, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-requests.From(r.Context()).Leaving()
		w.WriteHeader(http.StatusNoContent)
	})
	conn, reader := f.dial(t)
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	f.state.Drain(false)
	f.tracker.Leave(10 * time.Millisecond)
	if err := f.server.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if response := answer(t, reader); response.StatusCode != http.StatusNoContent || !response.Close {
		t.Errorf("got %s, close %v", response.Status, response.Close)
	}
	if got := f.tracker.Report(); got.Finished != 1 || got.Cut != 0 {
		t.Errorf("the report is %+v", got)
	}
}

// A connection on which nothing has ever arrived does not keep the process from
// its end.
func TestSilentConnection(t *testing.T) {
	f := startAPI(t, nil, http.NotFound)
	_, reader := f.dial(t)
	// A connection that is answered was accepted, and so was the one before it. One
	// that is not yet is reset by the system when the listener closes.
	f.send(t, http.MethodGet, "/", "")
	begin := time.Now()
	if err := f.server.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("Stop took %s", took)
	}
	if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end", err)
	}
}

// The admin server says what the binary is made of and what it does, and has
// profiles only when they are switched on.
func TestAdmin(t *testing.T) {
	for _, profiles := range []bool{false, true} {
		f := start(t, nil, func(f *fixture) *httpserver.Server {
			log := logging.New(f.log, logging.Config{Level: "info", Format: "text"})
			return httpserver.NewAdmin(httpserver.AdminConfig{Addr: "127.0.0.1:0", Pprof: profiles}, log, f.state, buildinfo.Read("x", "1.2.3", 0), f.metrics.Write)
		})
		for _, test := range []struct {
			path, text string
			only       bool
		}{
			{"/version", `"version":"1.2.3"`, false},
			{"/metrics", "requests_in_flight 0", false},
			{"/livez", "ok", false},
			{"/debug/pprof/goroutine?debug=1", "goroutine profile:", true},
			{"/debug/pprof/heap", "", true},
			{"/debug/pprof/profile?seconds=1", "", true},
		} {
			response, body := f.send(t, http.MethodGet, test.path, "")
			if test.only && !profiles {
				wantProblem(t, response, body, http.StatusNotFound)
				continue
			}
			if response.StatusCode != http.StatusOK || !strings.Contains(body, test.text) {
				t.Errorf("%s answered %s, %q", test.path, response.Status, body)
			}
		}
		response, body := f.send(t, http.MethodGet, "/other", "")
		wantProblem(t, response, body, http.StatusNotFound)
		for _, path := range []string{"/version", "/metrics", "/readyz"} {
			response, body = f.send(t, http.MethodPost, path, "")
			wantProblem(t, response, body, http.StatusMethodNotAllowed)
			if response.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s: Allow is %q", path, response.Header.Get("Allow"))
			}
		}
		if profiles {
			for path, status := range map[string]int{"/debug/pprof/made-up": 404, "/debug/pprof/profile?seconds=x": 400, "/debug/pprof/profile?seconds=9999": 400} {
				response, body := f.send(t, http.MethodGet, path, "")
				wantProblem(t, response, body, status)
			}
		}
	}
}

// Headers over the limit are refused, and slow ones time out.
func TestHeaderLimits(t *testing.T) {
	long.Test(t)
	f := startAPI(t, nil, func(http.ResponseWriter, *http.Request) {})
	conn, reader := f.dial(t)
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nBig: %s\r\n\r\n", strings.Repeat("x", 64<<10))
	if response, err := http.ReadResponse(reader, nil); err != nil || response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a large header: got %v, %v", response, err)
	}
	slow, slowReader := f.dial(t)
	fmt.Fprint(slow, "GET / HTTP/1.1\r\nHost: x\r\n")
	begin := time.Now()
	_, _ = io.ReadAll(slowReader)
	if took := time.Since(begin); took < 4*time.Second || took > 9*time.Second {
		t.Errorf("a slow header was cut off after %s, want 5s", took)
	}
}

// A large answer is compressed for who takes that, and the log says what was sent.
// A small one, and a panic that nobody has seen the beginning of, are as ever.
func TestCompression(t *testing.T) {
	large := strings.Repeat(`{"a":"b"},`, 1000)
	f := startAPI(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		text := large
		if r.URL.Path != "/large" {
			text = "{}"
		}
		_, _ = io.WriteString(w, text)
		if r.URL.Path == "/panic" {
			panic("a bug")
		}
	})
	response, body := f.send(t, http.MethodGet, "/large", "", "Accept-Encoding", "gzip")
	if response.Header.Get("Content-Encoding") != "gzip" || len(body) > len(large)/10 {
		t.Errorf("got %v and %d bytes", response.Header, len(body))
	}
	if want := fmt.Sprintf("bytes=%d", len(body)); !strings.Contains(f.log.String(), want) {
		t.Errorf("the log lacks %q: %s", want, f.log)
	}
	if response, body := f.send(t, http.MethodGet, "/small", "", "Accept-Encoding", "gzip"); response.Header.Get("Content-Encoding") != "" || body != "{}" {
		t.Errorf("got %v and %q", response.Header, body)
	}
	response, body = f.send(t, http.MethodGet, "/panic", "", "Accept-Encoding", "gzip")
	wantProblem(t, response, body, http.StatusInternalServerError)
}
