package httpserver

import (
	"net/http"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/reason"
)

const (
	defaultProfile = 30 * time.Second
	longestProfile = adminTimeout
)

// addProfiles serves what `go tool pprof` asks for. net/http/pprof would do
// that too, and more: it registers itself with http.DefaultServeMux and costs an
// image another 85 KB.
func addProfiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/profile", func(w http.ResponseWriter, r *http.Request) {
		length := defaultProfile
		if text := r.URL.Query().Get("seconds"); text != "" {
			seconds, err := strconv.Atoi(text)
			if length = time.Duration(seconds) * time.Second; err != nil || length <= 0 || length > longestProfile {
				problem.Status(w, http.StatusBadRequest, reason.RequestInvalid, "seconds must be a whole number from 1 to "+strconv.Itoa(int(longestProfile/time.Second)))
				return
			}
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		if err := pprof.StartCPUProfile(w); err != nil {
			problem.Status(w, http.StatusConflict, reason.Overloaded, "another profile is being taken")
			return
		}
		defer pprof.StopCPUProfile()
		select {
		case <-time.After(length):
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /debug/pprof/{name}", func(w http.ResponseWriter, r *http.Request) {
		profile := pprof.Lookup(r.PathValue("name"))
		if profile == nil {
			problem.Status(w, http.StatusNotFound, reason.NoSuchOperation, "there is no such profile; there are profile, heap, allocs, goroutine, block, mutex and threadcreate")
			return
		}
		debug, _ := strconv.Atoi(r.URL.Query().Get("debug"))
		w.Header().Set("Content-Type", "application/octet-stream")
		if debug > 0 {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		}
		// A client that went away cannot be told so.
		_ = profile.WriteTo(w, debug)
	})
}
