package router_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"github.com/soketsugo/soketsugo/libs/runtime/logging"
	"github.com/soketsugo/soketsugo/libs/runtime/metrics"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
	"github.com/soketsugo/soketsugo/libs/runtime/router"
	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
)

func newRouter() *mux.Router {
	routes := router.New()
	hello := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }
	routes.HandleFunc("/things", hello).Methods(http.MethodGet, http.MethodPost)
	routes.HandleFunc("/things/{id:[^/:]+}:act", hello).Methods(http.MethodPost)
	routes.HandleFunc("/anything/{id}", hello)
	return routes
}

// What the router answers by itself is a problem document.
func TestProblems(t *testing.T) {
	for _, test := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{http.MethodGet, "/things", http.StatusOK, ""},
		{http.MethodGet, "/nothing", http.StatusNotFound, ""},
		{http.MethodGet, "//things", http.StatusNotFound, ""},
		{http.MethodDelete, "/things", http.StatusMethodNotAllowed, "GET, POST"},
		{http.MethodGet, "/things/7:act", http.StatusMethodNotAllowed, "POST"},
	} {
		answer := httptest.NewRecorder()
		newRouter().ServeHTTP(answer, httptest.NewRequest(test.method, test.path, nil))
		if answer.Code != test.want || answer.Header().Get("Allow") != test.allow {
			t.Errorf("%s %s: got %d, Allow %q; want %d, %q", test.method, test.path, answer.Code, answer.Header().Get("Allow"), test.want, test.allow)
		}
		if test.want != http.StatusOK && answer.Header().Get("Content-Type") != problem.ContentType {
			t.Errorf("%s %s: the answer is %s", test.method, test.path, answer.Header().Get("Content-Type"))
		}
	}
}

// A request learns its route, which holds nothing that a caller can choose.
func TestRouteNames(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	tracer, err := tracing.New(tracing.Config{Sampler: "always_off", SamplerArg: "1"}, "x", "1", log)
	if err != nil {
		t.Fatal(err)
	}
	transport := requests.New(requests.Config{}, log, logging.NewAccess(logging.NewBuffer(io.Discard), logging.Config{Level: "error"}), metrics.New(), tracer).Transport("http")
	routes := newRouter()
	for _, test := range []struct{ method, path, want string }{
		{http.MethodGet, "/things", "GET /things"},
		{http.MethodPost, "/things", "POST /things"},
		{http.MethodPost, "/things/7:act", "POST /things/{id}:act"},
		{http.MethodPost, "/things/8:act", "POST /things/{id}:act"},
		{"BREW", "/anything/7", "OTHER /anything/{id}"},
		{http.MethodGet, "/nothing", requests.Unmatched},
		{http.MethodDelete, "/things", requests.Unmatched},
	} {
		ctx, request := transport.Begin(t.Context(), requests.Unmatched, requests.Incoming{})
		routes.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(test.method, test.path, strings.NewReader("")).WithContext(ctx))
		if got := request.Route(); got != test.want {
			t.Errorf("%s %s: the route is %q, want %q", test.method, test.path, got, test.want)
		}
	}
}
