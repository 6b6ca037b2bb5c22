package httpserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/buildinfo"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/httpserver"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// start serves on a free port and returns the base URL.
func start(t *testing.T, server *httpserver.Server) string {
	t.Helper()
	addr, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return "http://" + addr.String()
}

func startAPI(t *testing.T, state *health.State, handler http.HandlerFunc) (*httpserver.Server, string) {
	t.Helper()
	server := httpserver.New(httpserver.Config{Addr: "127.0.0.1:0"}, discard(), state, handler)
	return server, start(t, server)
}

// send returns the answer and its body.
func send(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
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

// Liveness is always there, readiness follows the state, and while draining
// connections are closed after their answer.
func TestProbes(t *testing.T) {
	state := health.New(discard())
	_, base := startAPI(t, state, http.NotFound)
	expect := func(when, path string, status int, text string) *http.Response {
		t.Helper()
		response, body := send(t, http.MethodGet, base+path, "")
		if response.StatusCode != status || !strings.Contains(body, text) {
			t.Errorf("%s: %s answered %s, %q; want %d, %q", when, path, response.Status, body, status, text)
		}
		return response
	}
	expect("at the start", "/livez", 200, "ok")
	expect("at the start", "/readyz", 503, "not ready")
	expect("at the start", "/readyz?verbose", 503, `{"name":"serving","ok":false`)
	state.Serving()
	if response := expect("when ready", "/readyz", 200, "ok"); response.Close {
		t.Error("the connection was closed though nothing is draining")
	}
	expect("when ready", "/readyz?verbose", 200, `"ready":true`)
	state.Drain()
	if response := expect("while draining", "/readyz", 503, "not ready"); !response.Close {
		t.Error("the connection was kept while draining")
	}
	expect("while draining", "/livez", 200, "ok")
	response, body := send(t, http.MethodPost, base+"/livez", "")
	wantProblem(t, response, body, http.StatusMethodNotAllowed)
}

// The admin server says what the binary is made of, and has nothing else.
func TestAdmin(t *testing.T) {
	base := start(t, httpserver.NewAdmin(httpserver.AdminConfig{Addr: "127.0.0.1:0"}, discard(), health.New(discard()), buildinfo.Read("x", "1.2.3")))
	response, body := send(t, http.MethodGet, base+"/version", "")
	if response.StatusCode != http.StatusOK || !strings.Contains(body, `"version":"1.2.3"`) {
		t.Errorf("/version answered %s, %q", response.Status, body)
	}
	response, body = send(t, http.MethodGet, base+"/other", "")
	wantProblem(t, response, body, http.StatusNotFound)
	response, body = send(t, http.MethodPost, base+"/version", "")
	wantProblem(t, response, body, http.StatusMethodNotAllowed)
	if response.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow is %q", response.Header.Get("Allow"))
	}
}

// A panic becomes a problem without its text, or a broken connection when half
// an answer is out.
func TestPanic(t *testing.T) {
	_, base := startAPI(t, health.New(discard()), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			w.WriteHeader(http.StatusOK)
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
		}
		panic("secret")
	})
	response, body := send(t, http.MethodGet, base+"/early", "")
	wantProblem(t, response, body, http.StatusInternalServerError)
	if strings.Contains(body, "secret") {
		t.Errorf("the cause is in %q", body)
	}
	late, err := http.Get(base + "/late")
	if err == nil {
		_, err = io.ReadAll(late.Body)
		late.Body.Close()
	}
	if err == nil {
		t.Error("half an answer looked whole")
	}
}

// A body over the limit cannot be read.
func TestBodyLimit(t *testing.T) {
	errs := make(chan error, 1)
	_, base := startAPI(t, health.New(discard()), func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		errs <- err
	})
	send(t, http.MethodPost, base, strings.Repeat("x", httpserver.MaxBodySize+1))
	var tooLarge *http.MaxBytesError
	if err := <-errs; !errors.As(err, &tooLarge) {
		t.Errorf("got %v, want %T", err, tooLarge)
	}
}

// Shutdown waits for a request in flight, and cuts it off at the deadline.
func TestShutdown(t *testing.T) {
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
			server, base := startAPI(t, health.New(discard()), func(http.ResponseWriter, *http.Request) {
				close(entered)
				<-release
			})
			answered := make(chan error, 1)
			go func() {
				response, err := http.Get(base)
				if err == nil {
					response.Body.Close()
				}
				answered <- err
			}()
			<-entered
			if test.ends {
				time.AfterFunc(50*time.Millisecond, func() { close(release) })
			} else {
				defer close(release)
			}
			ctx, cancel := context.WithTimeout(t.Context(), test.limit)
			defer cancel()
			if err := server.Shutdown(ctx); !errors.Is(err, test.want) {
				t.Errorf("Shutdown: got %v, want %v", err, test.want)
			}
			if err := <-answered; (err == nil) != test.ends {
				t.Errorf("the request: got %v, want success = %v", err, test.ends)
			}
		})
	}
}
