package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/uuidv7"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
	"github.com/soketsugo/soketsugo/services/playbook/rest/access"
	"github.com/soketsugo/soketsugo/services/playbook/rest/handler"
	"github.com/soketsugo/soketsugo/services/playbook/rest/idempotency"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// api is a handler behind the middleware, as two processes on one database have it.
type api struct {
	handlers [2]http.Handler
	tokens   [2]string
	store    usecase.Store
	// after is how long after epoch it is.
	after time.Duration
	calls atomic.Int64
}

// newAPI returns an api whose handler does each request; store may be changed on
// the way to the services.
func newAPI(t *testing.T, handle http.HandlerFunc, store func(usecase.Store) usecase.Store) *api {
	t.Helper()
	path := sqlitetest.Migrated(t, migrations.Files)
	a := &api{}
	for i := range a.handlers {
		opened, err := sqlite.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(opened.Close)
		a.store = opened
		if store != nil {
			a.store = store(opened)
		}
		service := usecase.New(a.store, func() time.Time { return epoch.Add(a.after) }, func() string { return uuidv7.New(time.Now()) })
		if _, a.tokens[i], err = service.CreateKey(t.Context(), "acme", domain.KeySpec{Name: "n", Scopes: domain.Scopes()}); err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.DiscardHandler)
		a.handlers[i] = access.Require(service, fail)(idempotency.Remember(service, fail, log)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.calls.Add(1)
			handle(w, r)
		})))
	}
	return a
}

// fail answers errors as the API does.
func fail(w http.ResponseWriter, _ *http.Request, err error) {
	problem.Status(w, handler.Status(domain.KindOf(err)), string(domain.KindOf(err).Reason()), err.Error())
}

// request is one to an api.
type request struct {
	// process and caller are 0 or 1.
	process, caller    int
	method, path, body string
	ifMatch            string
	key                []string
}

func (a *api) send(q request) *httptest.ResponseRecorder {
	if q.method == "" {
		q.method = http.MethodPost
	}
	r := httptest.NewRequest(q.method, "/v1/things"+q.path, strings.NewReader(q.body))
	r.Header.Set("Authorization", "Bearer "+a.tokens[q.caller])
	if q.ifMatch != "" {
		r.Header.Set("If-Match", q.ifMatch)
	}
	r.Header["Idempotency-Key"] = q.key
	if q.key == nil {
		delete(r.Header, "Idempotency-Key")
	}
	recorder := httptest.NewRecorder()
	r.Body = http.MaxBytesReader(recorder, r.Body, 1<<10)
	a.handlers[q.process].ServeHTTP(recorder, r)
	return recorder
}

// echo answers with a number that is never the same, and what it read.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", "/v1/things/1")
	w.Header().Set("ETag", `"1"`)
	w.Header().Set("X-Other", "x")
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, "%s %s\n", uuidv7.New(time.Now()), body)
}

// A repetition gets the answer to the first, from whichever process it comes; what
// differs in anything is another request.
func TestRepetition(t *testing.T) {
	a := newAPI(t, echo, nil)
	first := a.send(request{body: "b", key: []string{"k"}})
	if first.Code != http.StatusCreated || !strings.HasSuffix(first.Body.String(), " b\n") || first.Header().Get("Idempotency-Replayed") != "" ||
		first.Header().Get("X-Other") != "x" {
		t.Fatalf("the first answer is %d %v %s", first.Code, first.Header(), first.Body)
	}
	for process := range a.handlers {
		again := a.send(request{process: process, body: "b", key: []string{`"k"`}})
		if again.Code != first.Code || again.Body.String() != first.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("process %d: the answer is %d %v %s", process, again.Code, again.Header(), again.Body)
		}
		for _, name := range []string{"Content-Type", "Location", "ETag"} {
			if got, want := again.Header().Get(name), first.Header().Get(name); got != want {
				t.Errorf("process %d: %s is %q, want %q", process, name, got, want)
			}
		}
	}
	for name, q := range map[string]request{
		"another body":  {body: "c", key: []string{"k"}},
		"another path":  {path: "/2", body: "b", key: []string{"k"}},
		"another query": {path: "?x=y", body: "b", key: []string{"k"}},
		"a condition":   {body: "b", ifMatch: `"1"`, key: []string{"k"}},
	} {
		if got := a.send(q); got.Code != http.StatusUnprocessableEntity || got.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %s, want 422", name, got.Code, got.Body)
		}
	}
	if got := a.calls.Load(); got != 1 {
		t.Errorf("the request was done %d times, want once", got)
	}
	for name, q := range map[string]request{
		"another key":     {body: "b", key: []string{"K"}},
		"another caller":  {caller: 1, body: "b", key: []string{"k"}},
		"no key":          {body: "b"},
		"no POST":         {method: http.MethodPatch, body: "b", key: []string{"k"}},
		"a GET":           {method: http.MethodGet, key: []string{"k"}},
		"no key, again":   {body: "b"},
		"no POST, a list": {method: http.MethodPatch, body: "b", key: []string{"k", "l"}},
	} {
		before := a.calls.Load()
		if got := a.send(q); got.Code != http.StatusCreated || a.calls.Load() != before+1 || got.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("%s: got %d %s, want it to be done", name, got.Code, got.Body)
		}
	}
	for _, key := range [][]string{{""}, {"a b"}, {"k", "k"}, {strings.Repeat("k", 256)}} {
		if got := a.send(request{body: "b", key: key}); got.Code != http.StatusBadRequest {
			t.Errorf("the key %q: got %d, want 400", key, got.Code)
		}
	}
	a.after = usecase.AnswerLife
	if got := a.send(request{body: "c", key: []string{"k"}}); got.Code != http.StatusCreated || got.Header().Get("Idempotency-Replayed") != "" {
		t.Errorf("when the answer is forgotten: got %d %s", got.Code, got.Body)
	}
}

// A request with another condition is another one, and with the same one the same.
func TestCondition(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-Match") == `"1"` {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		echo(w, r)
	}, nil)
	for _, test := range []struct {
		name, ifMatch, key string
		want               int
		replayed           bool
	}{
		{"the first", `"1"`, "k", http.StatusPreconditionFailed, false},
		{"the same again", `"1"`, "k", http.StatusPreconditionFailed, true},
		{"the corrected one", `"2"`, "k", http.StatusUnprocessableEntity, false},
		{"none", "", "k", http.StatusUnprocessableEntity, false},
		{"the corrected one under its own key", `"2"`, "l", http.StatusCreated, false},
	} {
		got := a.send(request{ifMatch: test.ifMatch, key: []string{test.key}})
		if got.Code != test.want || (got.Header().Get("Idempotency-Replayed") != "") != test.replayed {
			t.Errorf("%s: got %d %v, want %d, replayed %v", test.name, got.Code, got.Header(), test.want, test.replayed)
		}
	}
}

// While a request is being done, its repetition is told to wait; so is one whose
// holder crashed, until the claim counts as given up.
func TestInFlight(t *testing.T) {
	begun, goOn := make(chan struct{}, 2), make(chan struct{})
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-goOn
		echo(w, r)
	}, nil)
	q := request{body: "b", key: []string{"k"}}
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- a.send(q) }()
	<-begun
	again := a.send(request{process: 1, body: "b", key: []string{"k"}})
	if again.Code != http.StatusConflict || again.Header().Get("Retry-After") != "1" || again.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("a repetition: got %d %v %s, want 409", again.Code, again.Header(), again.Body)
	}
	if got := a.send(request{body: "c", key: []string{"k"}}); got.Code != http.StatusUnprocessableEntity {
		t.Errorf("another body: got %d, want 422", got.Code)
	}
	close(goOn)
	done := <-first
	if got := a.send(q); done.Code != http.StatusCreated || got.Body.String() != done.Body.String() {
		t.Errorf("the answers are %d %s and %d %s", done.Code, done.Body, got.Code, got.Body)
	}
}

// deaf is a store in which the holder of a claim never ends it, as one that crashed.
type deaf struct{ usecase.Store }

func (deaf) AnswerRequest(context.Context, domain.Workspace, usecase.RequestClaim, usecase.Answer) error {
	return errors.New("the disk is full")
}

// A claim that nobody ends is free again after a while.
func TestCrash(t *testing.T) {
	count := 0
	a := newAPI(t, echo, func(store usecase.Store) usecase.Store {
		if count++; count == 1 {
			return deaf{store}
		}
		return store
	})
	q := request{body: "b", key: []string{"k"}}
	if got := a.send(q); got.Code != http.StatusCreated {
		t.Errorf("an answer that could not be noted: got %d, want 201", got.Code)
	}
	q.process = 1
	if got := a.send(q); got.Code != http.StatusConflict {
		t.Errorf("soon after: got %d, want 409", got.Code)
	}
	a.after = 2 * usecase.RequestTime
	if got := a.send(q); got.Code != http.StatusCreated || a.calls.Load() != 2 {
		t.Errorf("later: got %d after %d calls, want 201 after 2", got.Code, a.calls.Load())
	}
}

// Answers that are not final are not kept; a handler that panics leaves no claim.
func TestFinal(t *testing.T) {
	for status, kept := range map[int]bool{
		200: true, 201: true, 204: true, 400: true, 404: true, 409: true, 412: true, 422: true,
		408: false, 429: false, 499: false, 500: false, 503: false,
	} {
		a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, nil)
		for range 2 {
			if got := a.send(request{key: []string{"k"}}); got.Code != status {
				t.Errorf("got %d, want %d", got.Code, status)
			}
		}
		if once := a.calls.Load() == 1; once != kept {
			t.Errorf("%d was kept: %v, want %v", status, once, kept)
		}
	}
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half of")
		panic("broken")
	}, nil)
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic got lost")
				}
			}()
			if got := a.send(request{key: []string{"k"}}); got.Body.Len() > 0 {
				t.Errorf("half an answer was sent: %s", got.Body)
			}
		}()
	}
	if got := a.calls.Load(); got != 2 {
		t.Errorf("a request whose handler panics was done %d times, want 2", got)
	}
}

// A handler that says nothing has answered too.
func TestSilence(t *testing.T) {
	a := newAPI(t, func(http.ResponseWriter, *http.Request) {}, nil)
	for range 2 {
		if got := a.send(request{key: []string{"k"}}); got.Code != http.StatusOK {
			t.Errorf("got %d, want 200", got.Code)
		}
	}
}

// An answer that is too large to be kept is sent once, and the request is not done
// again.
func TestLargeAnswer(t *testing.T) {
	for size, again := range map[int]int{idempotency.MaxBody: http.StatusOK, idempotency.MaxBody + 1: http.StatusConflict} {
		a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) }, nil)
		if got := a.send(request{key: []string{"k"}}); got.Code != http.StatusOK || got.Body.Len() != size {
			t.Errorf("%d bytes: got %d with %d", size, got.Code, got.Body.Len())
		}
		if got := a.send(request{key: []string{"k"}}); got.Code != again {
			t.Errorf("%d bytes, again: got %d, want %d", size, got.Code, again)
		}
		if got := a.calls.Load(); got != 1 {
			t.Errorf("%d bytes: the request was done %d times, want once", size, got)
		}
	}
}

// A body that cannot be read is the handler's to answer, and nothing is remembered.
func TestUnreadableBody(t *testing.T) {
	a := newAPI(t, echo, nil)
	large := request{body: strings.Repeat("x", 2<<10), key: []string{"k"}}
	for range 2 {
		if got := a.send(large); got.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("got %d, want 413", got.Code)
		}
	}
	if got := a.send(request{body: "b", key: []string{"k"}}); got.Code != http.StatusCreated {
		t.Errorf("afterwards: got %d, want 201", got.Code)
	}
}

// Of many that come at once one is done, and the others get its answer or wait.
func TestAtOnce(t *testing.T) {
	a := newAPI(t, echo, nil)
	var mu sync.Mutex
	bodies, statuses := map[string]bool{}, map[int]int{}
	var group sync.WaitGroup
	for n := range 16 {
		group.Go(func() {
			got := a.send(request{process: n % 2, body: "b", key: []string{"k"}})
			mu.Lock()
			defer mu.Unlock()
			if statuses[got.Code]++; got.Code == http.StatusCreated {
				bodies[got.Body.String()] = true
			}
		})
	}
	group.Wait()
	if a.calls.Load() != 1 || len(bodies) != 1 || statuses[http.StatusCreated]+statuses[http.StatusConflict] != 16 {
		t.Errorf("done %d times, the answers are %v with %v", a.calls.Load(), bodies, statuses)
	}
}

// A client that goes away while its request is being done finds the answer when it
// comes back: only a deadline ends the request before.
func TestClientGoesAway(t *testing.T) {
	for _, test := range []struct {
		name string
		// limit is that of the server; 0 is none.
		limit, want time.Duration
	}{
		{"no deadline", 0, usecase.RequestTime},
		{"an early deadline", 30 * time.Second, 30 * time.Second},
		{"a late deadline", time.Hour, usecase.RequestTime},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
				cancel()
				if err := r.Context().Err(); err != nil {
					t.Errorf("the request ended: %v", err)
				}
				deadline, _ := r.Context().Deadline()
				if left := time.Until(deadline); left > test.want || left < test.want-10*time.Second {
					t.Errorf("the request has %s, want %s", left, test.want)
				}
				echo(w, r)
			}, nil)
			if test.limit > 0 {
				var stop context.CancelFunc
				ctx, stop = context.WithTimeout(ctx, test.limit)
				defer stop()
			}
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/things", strings.NewReader("b"))
			r.Header.Set("Authorization", "Bearer "+a.tokens[0])
			r.Header.Set("Idempotency-Key", "k")
			a.handlers[0].ServeHTTP(httptest.NewRecorder(), r)
			if got := a.send(request{body: "b", key: []string{"k"}}); got.Code != http.StatusCreated || got.Header().Get("Idempotency-Replayed") != "true" {
				t.Errorf("got %d %s, want the answer that was noted", got.Code, got.Body)
			}
		})
	}
}

// An answer is not kept whose handler says that a part of the request was not done.
func TestUnfinished(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		idempotency.Unfinished(r.Context())
		echo(w, r)
	}, nil)
	for _, key := range [][]string{{"k"}, {"k"}, nil} {
		if got := a.send(request{body: "b", key: key}); got.Code != http.StatusCreated || got.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("got %d %v %s, want it to be done", got.Code, got.Header(), got.Body)
		}
	}
}
