package idempotency

import (
	"bytes"
	"context"
	"net/http"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
)

// maxBody bounds the body of an answer that is kept, in bytes. The largest answers
// are those to many contacts at once.
const maxBody = 4 << 20

// kept are the fields of an answer that are kept: those that tell something about
// the answer, and not about the way that it was sent.
var kept = []string{"Content-Type", "Location", "Etag", "Cache-Control"}

// recorder holds an answer back.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	// unfinished is what Unfinished says.
	unfinished bool
}

type recorderKey struct{}

// Unfinished says of the request that a context belongs to that it can be done
// again, although the status of its answer may be final: a part of it was not done.
// It is called before the handler returns.
func Unfinished(ctx context.Context) {
	if r, ok := ctx.Value(recorderKey{}).(*recorder); ok {
		r.unfinished = true
	}
}

// Final says whether an answer with a status is one for good. It is not where the
// server failed, had too much to do, or had nobody to answer.
func Final(status int) bool {
	const clientClosedRequest = 499 // see handler
	return status < http.StatusInternalServerError && status != http.StatusRequestTimeout &&
		status != http.StatusTooManyRequests && status != clientClosedRequest
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(data []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(data)
}

// send sends the answer.
func (r *recorder) send(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	if r.status != 0 {
		w.WriteHeader(r.status)
	}
	// A client that went away cannot be told so.
	_, _ = w.Write(r.body.Bytes())
}

// final returns the answer as it is kept, or nil when the request can be done
// again.
func (r *recorder) final() *usecase.Answer {
	switch {
	case r.status == 0, r.unfinished, !Final(r.status):
		return nil
	case r.body.Len() > maxBody:
		// It must not be done again all the same.
		instead := &recorder{header: http.Header{}}
		problem.Status(instead, http.StatusConflict, string(domain.AnswerNotKept), "the request was done, but its answer was too large to be kept")
		return instead.final()
	}
	answer := &usecase.Answer{Status: r.status, Header: map[string]string{}, Body: r.body.Bytes()}
	for _, name := range kept {
		if value := r.header.Get(name); value != "" {
			answer.Header[name] = value
		}
	}
	return answer
}

// replay sends an answer that was kept.
func replay(w http.ResponseWriter, answer usecase.Answer) {
	for name, value := range answer.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(answer.Status)
	// A client that went away cannot be told so.
	_, _ = w.Write(answer.Body)
}
