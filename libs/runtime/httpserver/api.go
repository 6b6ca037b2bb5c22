package httpserver

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/reason"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
)

const (
	// requestIDHeader carries a request's ID, in both directions.
	requestIDHeader = "X-Request-Id"
	// retryAfter is what a caller is told to wait that was refused, in seconds.
	retryAfter = "1"
	// longestPath bounds what a path may take in the log, in bytes.
	longestPath = 256
)

// api is what every request to the API passes through.
type api struct {
	log     *slog.Logger
	state   *health.State
	tracker *requests.Tracker
	traffic *requests.Transport
	next    http.Handler
	codes   *codes
}

// ServeHTTP answers probes itself; they are neither counted nor limited nor
// logged.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorded := &recorder{ResponseWriter: w, state: a.state}
	if isProbe(r) {
		answerProbe(recorded, r, a.state)
		return
	}
	header := r.Header
	ctx, request := a.traffic.Begin(r.Context(), requests.Unmatched, requests.Incoming{
		RequestID:   first(header[requestIDHeader]),
		Traceparent: first(header["Traceparent"]),
		Tracestate:  first(header["Tracestate"]),
		Timeout:     a.tracker.Timeout(),
	})
	if request == nil {
		recorded.Header().Set("Retry-After", retryAfter)
		problem.Status(recorded, http.StatusServiceUnavailable, reason.Overloaded, "the server has as many requests as it can hold; try again later")
		return
	}
	recorded.id[0] = request.ID
	w.Header()[requestIDHeader] = recorded.id[:]
	defer func() {
		abort := a.recovered(ctx, recorded, r, recover())
		if recorded.status == 0 {
			// net/http sends this when a handler returns without a word.
			recorded.begin(http.StatusOK)
		}
		request.End(recorded.result(r, a.codes))
		if abort {
			panic(http.ErrAbortHandler)
		}
	}()
	r = r.WithContext(ctx)
	if r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, MaxBodySize)
	}
	a.next.ServeHTTP(recorded, r)
}

// first returns the value of a header whose name is in its canonical form, as
// net/http has it; to make sure of that takes longer than to look.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// recovered turns a panic into a 500. The caller learns nothing of it; the log
// gets the stack. It returns true when only a broken connection can still tell
// the caller that the answer is not whole.
func (a *api) recovered(ctx context.Context, w *recorder, r *http.Request, cause any) (abort bool) {
	switch {
	case cause == nil:
		return false
	case cause == http.ErrAbortHandler:
		// The handler asked net/http to drop the connection.
		w.broken = true
		return true
	}
	a.tracker.Panicked()
	a.log.ErrorContext(ctx, "handler panicked", "method", r.Method, "path", path(r),
		"cause", cause, "stack", string(debug.Stack()))
	if w.status != 0 {
		w.broken = true
		return true
	}
	problem.Status(w, http.StatusInternalServerError, reason.Internal, "internal error")
	return false
}

func path(r *http.Request) string {
	if len(r.URL.Path) > longestPath {
		return r.URL.Path[:longestPath]
	}
	return r.URL.Path
}

// result says how a request ended.
func (r *recorder) result(request *http.Request, codes *codes) requests.Result {
	result := requests.Result{
		Code:       codes.of(r.status),
		Outcome:    outcome(r.status),
		Attributes: r.attributes[:],
	}
	r.attributes = [...]slog.Attr{
		slog.String("method", request.Method), slog.String("path", path(request)), slog.Int64("bytes", r.bytes),
	}
	if r.broken {
		result.Outcome = requests.Failed
	}
	return result
}

// codes are the statuses as text, made once.
type codes [600]string

func newCodes() *codes {
	c := &codes{}
	for status := range c {
		c[status] = strconv.Itoa(status)
	}
	return c
}

func (c *codes) of(status int) string {
	if status < len(c) {
		return c[status]
	}
	return strconv.Itoa(status)
}

// outcome says whose fault a status is.
func outcome(status int) requests.Outcome {
	switch {
	case status < http.StatusBadRequest:
		return requests.OK
	case status < http.StatusInternalServerError:
		return requests.Rejected
	default:
		return requests.Failed
	}
}
