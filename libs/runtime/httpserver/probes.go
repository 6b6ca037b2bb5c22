package httpserver

import (
	"encoding/json"
	"net/http"

	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/reason"
)

const (
	livePath  = "/livez"
	readyPath = "/readyz"
)

func isProbe(r *http.Request) bool { return r.URL.Path == livePath || r.URL.Path == readyPath }

// answerProbe answers the kubelet, from memory: liveness whether the process is
// stuck, readiness whether it should get traffic.
func answerProbe(w http.ResponseWriter, r *http.Request, state *health.State) {
	if !allowed(w, r) {
		return
	}
	ok, whenNot := state.Alive(), "stuck\n"
	if r.URL.Path == readyPath {
		ok, whenNot = state.IsReady(), "not ready\n"
	}
	status, text := http.StatusOK, "ok\n"
	if !ok {
		status, text = http.StatusServiceUnavailable, whenNot
	}
	switch {
	case !r.URL.Query().Has("verbose"):
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	case r.URL.Path == livePath:
		writeJSON(w, status, map[string]bool{"alive": ok})
	default:
		writeJSON(w, status, state.Report())
	}
}

// allowed answers 405 to anything but GET and HEAD.
func allowed(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	problem.Status(w, http.StatusMethodNotAllowed, reason.NoSuchOperation, "this path takes GET and HEAD")
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
