package httpserver

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/soketsugo/soketsugo/libs/runtime/buildinfo"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
)

const (
	livePath    = "/livez"
	readyPath   = "/readyz"
	versionPath = "/version"
)

func isProbe(r *http.Request) bool { return r.URL.Path == livePath || r.URL.Path == readyPath }

// NewAdmin returns the server for operators and probes: /livez, /readyz and
// /version. It belongs on an address that the outside cannot reach.
func NewAdmin(config AdminConfig, log *slog.Logger, state *health.State, info buildinfo.Info) *Server {
	probes := probes(state)
	return newServer("admin", string(config.Addr), log, state, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isProbe(r):
			probes.ServeHTTP(w, r)
		case r.URL.Path != versionPath:
			problem.Status(w, http.StatusNotFound, "there is nothing at this path")
		case allowed(w, r):
			writeJSON(w, http.StatusOK, info)
		}
	}))
}

// probes answers the kubelet. Liveness looks at nothing but that the process
// can answer; readiness is read from memory.
func probes(state *health.State) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allowed(w, r) {
			return
		}
		report := health.Report{Ready: true}
		if r.URL.Path == readyPath {
			report = state.Report()
		}
		status, text := http.StatusOK, "ok\n"
		if !report.Ready {
			status, text = http.StatusServiceUnavailable, "not ready\n"
		}
		if !r.URL.Query().Has("verbose") {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
			return
		}
		if r.URL.Path == livePath {
			writeJSON(w, status, map[string]bool{"alive": true})
			return
		}
		writeJSON(w, status, report)
	})
}

// allowed answers 405 to anything but GET and HEAD.
func allowed(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	problem.Status(w, http.StatusMethodNotAllowed, "this path takes GET and HEAD")
	return false
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	// Only types of ours that can always be encoded come here.
	body, _ := json.Marshal(value)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
