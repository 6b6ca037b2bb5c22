package httpserver

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/buildinfo"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/reason"
)

// adminTimeout is how long a request of an operator may take, its answer apart.
const adminTimeout = time.Minute

// NewAdmin returns the server for operators and probes. It belongs on an address
// that the outside cannot reach. Its own requests are neither counted nor
// limited nor logged.
func NewAdmin(config AdminConfig, log *slog.Logger, state *health.State, info buildinfo.Info, metrics func(io.Writer)) *Server {
	mux := http.NewServeMux()
	probe := func(w http.ResponseWriter, r *http.Request) { answerProbe(w, r, state) }
	mux.HandleFunc(livePath, probe)
	mux.HandleFunc(readyPath, probe)
	mux.HandleFunc("/version", func(w http.ResponseWriter, r *http.Request) {
		if allowed(w, r) {
			writeJSON(w, http.StatusOK, info)
		}
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		if allowed(w, r) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			metrics(w)
		}
	})
	if config.Pprof {
		addProfiles(mux)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem.Status(w, http.StatusNotFound, reason.NoSuchOperation, "there is nothing at this path")
	})
	return newServer("admin", string(config.Addr), log, adminTimeout, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(&recorder{ResponseWriter: w, state: state}, r)
	}))
}
