// Package idempotency lets a client repeat a POST without doing it twice: see
// draft-ietf-httpapi-idempotency-key-header. What was answered is in the database,
// so it does not matter which process gets the repetition.
package idempotency

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/services/playbook/rest/access"
)

const (
	// Header is what the client calls a request.
	Header = "Idempotency-Key"
	// Replayed tells that an answer was given before.
	Replayed = "Idempotency-Replayed"
	// retryAfter is when a request that is being done may be over, in seconds.
	retryAfter = "1"
	// endTimeout bounds the time to note the answer. The client may have gone
	// meanwhile, and will want it the more when it comes back.
	endTimeout = 10 * time.Second
)

// Remember returns a middleware that does each POST with an Idempotency-Key once.
// It must be behind access, and what compresses answers before it. Errors are
// answered by fail.
func Remember(service *usecase.Service, fail func(http.ResponseWriter, *http.Request, error), log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return &middleware{service: service, fail: fail, log: log, next: next}
	}
}

type middleware struct {
	service *usecase.Service
	fail    func(http.ResponseWriter, *http.Request, error)
	log     *slog.Logger
	next    http.Handler
}

// ServeHTTP lets through all that is no POST with a key.
func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	values := r.Header[Header]
	if r.Method != http.MethodPost || len(values) == 0 {
		m.next.ServeHTTP(w, r)
		return
	}
	key, ok := parseKey(values)
	if !ok {
		m.fail(w, r, domain.InvalidField(Header, "must be one string of 1 to 255 printable characters"))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		// It is answered as if nobody had read it yet. Nothing is done that would
		// have to be remembered.
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		m.next.ServeHTTP(w, r)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	caller := access.Caller(r.Context())
	claim, earlier, err := m.service.BeginRequest(r.Context(), caller.Workspace,
		usecase.Request{KeyID: caller.KeyID, Key: key, Fingerprint: fingerprint(r, body)})
	switch {
	case domain.KindOf(err) == domain.Conflict:
		// Not fail: for it, a conflict may be one with If-Match.
		w.Header().Set("Retry-After", retryAfter)
		problem.Status(w, http.StatusConflict, string(domain.RequestUnderWay), "a request with this Idempotency-Key is being done")
	case err != nil:
		m.fail(w, r, err)
	case earlier != nil:
		w.Header().Set(Replayed, "true")
		replay(w, *earlier)
	default:
		m.do(w, r, caller.Workspace, claim)
	}
}

// do does a request, notes the answer and then sends it: an answer that a client
// has is one that it gets again. A client that goes away does not end the request
// halfway: it will ask again for what it was meant to be answered.
func (m *middleware) do(w http.ResponseWriter, r *http.Request, workspace domain.Workspace, claim usecase.RequestClaim) {
	answered := &recorder{header: http.Header{}}
	end := time.Now().Add(usecase.RequestTime)
	if deadline, ok := r.Context().Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	begun := context.WithValue(context.WithoutCancel(r.Context()), recorderKey{}, answered)
	limited, cancel := context.WithDeadline(begun, end)
	defer cancel()
	var final *usecase.Answer
	finished := false
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), endTimeout)
		defer cancel()
		if err := m.service.EndRequest(ending, workspace, claim, final); err != nil {
			// Nobody gets the claim until it counts as given up.
			m.log.ErrorContext(r.Context(), "the answer to a request with an Idempotency-Key was not noted", "error", err.Error())
		}
		if finished {
			answered.send(w)
		}
	}()
	m.next.ServeHTTP(answered, r.WithContext(limited))
	// Where it panics, there is no answer, and somebody else says so.
	finished, final = true, answered.final()
}

// fingerprint is a hash of all that a request asks for, its condition included.
func fingerprint(r *http.Request, body []byte) [sha256.Size]byte {
	asked := r.Method + "\n" + r.URL.RequestURI()
	if condition := r.Header.Get("If-Match"); condition != "" {
		asked += " If-Match: " + condition
	}
	hash := sha256.New()
	// A URI holds no space, and none of these a line break.
	_, _ = io.WriteString(hash, asked+"\n") // it never fails
	_, _ = hash.Write(body)
	return [sha256.Size]byte(hash.Sum(nil))
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
