package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/uuidv7"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
	"github.com/soketsugo/soketsugo/services/playbook/rest/handler"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

const missing = "00000000-0000-0000-0000-000000000000"

func newHandler(t *testing.T) http.Handler {
	t.Helper()
	return handlerOn(t, newStore(t))
}

func newStore(t *testing.T) usecase.Store {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// keyed sends every request with an API key, unless it has another.
type keyed struct {
	http.Handler
	token string
}

func (k keyed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer "+k.token)
	}
	k.Handler.ServeHTTP(w, r)
}

func handlerOn(t *testing.T, store usecase.Store) http.Handler {
	t.Helper()
	service := usecase.New(store, func() time.Time { return epoch }, func() string { return uuidv7.New(epoch) })
	_, token, err := service.CreateKey(t.Context(), "acme", domain.KeySpec{Name: "test", Scopes: domain.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	return keyed{handler.New(service, nil, slog.New(slog.DiscardHandler)), token}
}

// send sends JSON, within the limit that the server sets.
func send(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	recorder := httptest.NewRecorder()
	request.Body = http.MaxBytesReader(recorder, request.Body, 1<<20)
	h.ServeHTTP(recorder, request)
	return recorder
}

func decode(t *testing.T, recorder *httptest.ResponseRecorder, wantStatus int) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
		t.Fatalf("the body %q is not JSON: %v", recorder.Body, err)
	}
	if recorder.Code != wantStatus {
		t.Fatalf("got status %d, want %d: %s", recorder.Code, wantStatus, recorder.Body)
	}
	return body
}

// Every kind has a status that says that something went wrong, and not 500.
func TestEveryKindHasAStatus(t *testing.T) {
	for _, kind := range domain.Kinds() {
		if status := handler.Status(kind); status < 400 || status == http.StatusInternalServerError {
			t.Errorf("%v has the status %d", kind, status)
		}
	}
	if got := handler.Status(0); got != http.StatusInternalServerError {
		t.Errorf("an error without a kind has the status %d, want 500", got)
	}
}

// Everything about a playbook and an enrolment gets through, in both
// directions.
func TestRoundTrip(t *testing.T) {
	h := newHandler(t)
	recorder := send(h, http.MethodPost, "/v1/playbooks",
		`{"name":"n ☎","description":"d","steps":[{"kind":"EMAIL","title":"e","delay":"3600s"},{"kind":"WAIT","title":"w"}]}`)
	created := decode(t, recorder, http.StatusCreated)
	id, _ := created["id"].(string)
	if got := recorder.Header().Get("Location"); got != "/v1/playbooks/"+id {
		t.Errorf("Location is %q", got)
	}
	want := map[string]any{
		"id": id, "name": "n ☎", "description": "d", "state": "DRAFT", "revision": 1.0,
		"created_at": "2026-01-02T03:04:05.000006Z", "updated_at": "2026-01-02T03:04:05.000006Z",
		"steps": []any{
			map[string]any{"kind": "EMAIL", "title": "e", "delay": "3600s"},
			map[string]any{"kind": "WAIT", "title": "w", "delay": "0s"},
		},
	}
	if diff := cmp.Diff(want, decode(t, send(h, http.MethodGet, "/v1/playbooks/"+id, ""), http.StatusOK)); diff != "" {
		t.Errorf("the playbook (-want +got):\n%s", diff)
	}
	active := decode(t, send(h, http.MethodPost, "/v1/playbooks/"+id+":activate", ""), http.StatusOK)
	if active["state"] != "ACTIVE" {
		t.Errorf("the state is %v, want ACTIVE", active["state"])
	}
	list := decode(t, send(h, http.MethodGet, "/v1/playbooks?page_size=5", ""), http.StatusOK)
	if diff := cmp.Diff(map[string]any{"playbooks": []any{active}}, list); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	enrolment := decode(t, send(h, http.MethodPost, "/v1/playbooks/"+id+"/enrolments", `{"contact":"crm:1"}`), http.StatusCreated)
	wantEnrolment := map[string]any{
		"id": enrolment["id"], "playbook_id": id, "playbook_revision": 2.0, "contact": "crm:1", "state": "ACTIVE",
		"current_step": 0.0, "due_at": "2026-01-02T04:04:05.000006Z", "created_at": "2026-01-02T03:04:05.000006Z",
	}
	got := decode(t, send(h, http.MethodGet, "/v1/enrolments/"+enrolment["id"].(string), ""), http.StatusOK)
	if diff := cmp.Diff(wantEnrolment, got); diff != "" {
		t.Errorf("the enrolment (-want +got):\n%s", diff)
	}
}

// Lists are arrays also when they are empty.
func TestEmptyLists(t *testing.T) {
	h := newHandler(t)
	if got := send(h, http.MethodGet, "/v1/playbooks", "").Body.String(); got != `{"playbooks":[]}`+"\n" {
		t.Errorf("an empty list is %s", got)
	}
	if got := send(h, http.MethodPost, "/v1/playbooks", `{"name":"n"}`).Body.String(); !strings.Contains(got, `"steps":[]`) {
		t.Errorf("a playbook without steps is %s", got)
	}
}

// Every mistake is a problem with its status, and names its fields.
func TestProblems(t *testing.T) {
	h := newHandler(t)
	draft, _ := decode(t, send(h, http.MethodPost, "/v1/playbooks", `{"name":"n"}`), http.StatusCreated)["id"].(string)
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		fields                   []string
	}{
		{"no such path", "GET", "/v2", "", 404, nil},
		{"a trailing slash", "GET", "/v1/playbooks/", "", 404, nil},
		{"an empty part of a path", "GET", "/v1//playbooks", "", 404, nil},
		{"a way up", "POST", "/v1/x/../playbooks", `{"name":"n"}`, 404, nil},
		{"no such action", "POST", "/v1/playbooks/" + draft + ":explode", "", 404, nil},
		{"a method that is not there", "DELETE", "/v1/playbooks", "", 405, nil},
		{"an empty body", "POST", "/v1/playbooks", "", 400, []string{""}},
		{"not JSON", "POST", "/v1/playbooks", "{", 400, []string{""}},
		{"more than JSON", "POST", "/v1/playbooks", `{"name":"n"}{}`, 400, []string{""}},
		{"unknown fields", "POST", "/v1/playbooks", `{"nmae":"n","steps":[{"kind":"CALL","titel":"t"}]}`, 400, []string{"steps[0].titel", "nmae"}},
		{"a bad delay", "POST", "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"t","delay":"1h"}]}`, 400, []string{"steps[0].delay"}},
		{"a negative delay", "POST", "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"t","delay":"-1s"}]}`, 400, []string{"steps[0].delay"}},
		{"a delay that is 5 s once it overflows", "POST", "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"t","delay":"36028797018963973s"}]}`, 400, []string{"steps[0].delay"}},
		{"a huge delay", "POST", "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"t","delay":"9223372036854775807s"}]}`, 400, []string{"steps[0].delay"}},
		{"several mistakes", "POST", "/v1/playbooks", `{"steps":[{}]}`, 400, []string{"name", "steps[0].kind", "steps[0].title"}},
		{"a body over the limit", "POST", "/v1/playbooks", `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, 413, nil},
		{"an action with a body over the limit", "POST", "/v1/playbooks/" + draft + ":activate", strings.Repeat("x", 1<<21), 413, nil},
		{"an action with a body", "POST", "/v1/playbooks/" + draft + ":activate", `{"x":1}`, 400, nil},
		{"an action without steps", "POST", "/v1/playbooks/" + draft + ":activate", `{}`, 422, nil},
		{"a bad ID", "GET", "/v1/playbooks/x", "", 400, []string{"id"}},
		{"a missing playbook", "GET", "/v1/playbooks/" + missing, "", 404, nil},
		{"enrolling in a draft", "POST", "/v1/playbooks/" + draft + "/enrolments", `{"contact":"c"}`, 422, nil},
		{"a missing enrolment", "GET", "/v1/enrolments/" + missing, "", 404, nil},
		{"a page size that is no number", "GET", "/v1/playbooks?page_size=x", "", 400, []string{"page_size"}},
		{"a negative page size", "GET", "/v1/playbooks?page_size=-1", "", 400, []string{"page_size"}},
		{"a bad token", "GET", "/v1/playbooks?page_token=x", "", 400, []string{"page_token"}},
	} {
		recorder := send(h, test.method, test.path, test.body)
		var details problem.Details
		if err := json.Unmarshal(recorder.Body.Bytes(), &details); err != nil || recorder.Header().Get("Content-Type") != problem.ContentType {
			t.Errorf("%s: got %s, which is not a problem: %s", test.name, recorder.Header().Get("Content-Type"), recorder.Body)
			continue
		}
		var fields []string
		for _, mistake := range details.Errors {
			fields = append(fields, mistake.Field)
		}
		if recorder.Code != test.status || details.Status != test.status || !cmp.Equal(fields, test.fields) {
			t.Errorf("%s: got %d with fields %q, want %d with %q: %s", test.name, recorder.Code, fields, test.status, test.fields, recorder.Body)
		}
	}
}

// A method that is not there is answered with those that are.
func TestAllow(t *testing.T) {
	for _, test := range []struct{ path, want string }{
		{"/v1/playbooks", "GET, HEAD, POST"},
		{"/v1/playbooks/" + missing, "GET, HEAD, PATCH"},
		{"/v1/playbooks/" + missing + ":activate", "POST"},
	} {
		if got := send(newHandler(t), http.MethodDelete, test.path, "").Header().Get("Allow"); got != test.want {
			t.Errorf("%s: Allow is %q, want %q", test.path, got, test.want)
		}
	}
}

// conditional sends a request with a conditional header.
func conditional(h http.Handler, method, path, body, header, value string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(header, value)
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder
}

// Entity tags keep two callers from overwriting each other, and a caller from
// reading what it has.
func TestEntityTags(t *testing.T) {
	h := newHandler(t)
	created := send(h, http.MethodPost, "/v1/playbooks", `{"name":"n","description":"d","steps":[{"kind":"CALL","title":"t"}]}`)
	path := created.Header().Get("Location")
	if got := created.Header().Get("ETag"); got != `"1"` {
		t.Fatalf(`the ETag is %s, want "1"`, got)
	}
	for _, step := range []struct {
		method, path, body, header, value string
		status                            int
		tag                               string
	}{
		{http.MethodGet, path, "", "If-None-Match", `"1"`, http.StatusNotModified, `"1"`},
		{http.MethodGet, path, "", "If-None-Match", `"7", W/"1"`, http.StatusNotModified, `"1"`},
		{http.MethodGet, path, "", "If-None-Match", `"2"`, http.StatusOK, `"1"`},
		{http.MethodPatch, path, `{"name":"m"}`, "If-Match", `"1"`, http.StatusOK, `"2"`},
		{http.MethodPatch, path, `{"name":"o"}`, "If-Match", `"1"`, http.StatusPreconditionFailed, ""},
		{http.MethodPatch, path, `{"name":"m"}`, "If-Match", `"2"`, http.StatusOK, `"2"`},
		{http.MethodPatch, path, `{"name":"o"}`, "If-Match", `*`, http.StatusOK, `"3"`},
		{http.MethodPatch, path, `{"name":"p"}`, "If-Match", `3`, http.StatusBadRequest, ""},
		{http.MethodPatch, path, `{"name":"p"}`, "If-Match", `W/"3"`, http.StatusBadRequest, ""},
		{http.MethodPatch, path, `{"name":"p"}`, "If-Match", `"3", "4"`, http.StatusBadRequest, ""},
		{http.MethodPost, path + ":activate", ``, "If-Match", `"2"`, http.StatusPreconditionFailed, ""},
		{http.MethodPost, path + ":activate", ``, "If-Match", `"3"`, http.StatusOK, `"4"`},
		{http.MethodPost, path + ":archive", ``, "If-Match", `"3"`, http.StatusPreconditionFailed, ""},
		{http.MethodPost, path + ":archive", ``, "If-Match", `"4"`, http.StatusOK, `"5"`},
	} {
		got := conditional(h, step.method, step.path, step.body, step.header, step.value)
		if got.Code != step.status || got.Header().Get("ETag") != step.tag {
			t.Errorf("%s %s with %s: %s: got %d and ETag %s, want %d and %s: %s", step.method, step.path, step.header, step.value,
				got.Code, got.Header().Get("ETag"), step.status, step.tag, got.Body)
		}
	}
}

// A change takes what is there: absent is as it was, null is empty.
func TestPatch(t *testing.T) {
	h := newHandler(t)
	path := send(h, http.MethodPost, "/v1/playbooks", `{"name":"n","description":"d","steps":[{"kind":"CALL","title":"t"}]}`).Header().Get("Location")
	for _, step := range []struct {
		body        string
		status      int
		name, other any
		steps       int
	}{
		{`{}`, http.StatusOK, "n", "d", 1},
		{`{"description":"e"}`, http.StatusOK, "n", "e", 1},
		{`{"description":null,"steps":[]}`, http.StatusOK, "n", "", 0},
		{`{"name":null}`, http.StatusBadRequest, nil, nil, 0},
		{`{"state":"ACTIVE"}`, http.StatusBadRequest, nil, nil, 0},
		{`{"steps":[{"kind":"WAIT","title":"w","delay":"60s"},{"kind":"CALL","title":"t"}]}`, http.StatusOK, "n", "", 2},
	} {
		got := decode(t, send(h, http.MethodPatch, path, step.body), step.status)
		if step.status != http.StatusOK {
			continue
		}
		steps, _ := got["steps"].([]any)
		if got["name"] != step.name || got["description"] != step.other || len(steps) != step.steps {
			t.Errorf("%s: got %v", step.body, got)
		}
	}
}

// An enrolment is held, continued and ended, and each can be repeated.
func TestMoveEnrolment(t *testing.T) {
	h := newHandler(t)
	path := send(h, http.MethodPost, "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"t"}]}`).Header().Get("Location")
	decode(t, send(h, http.MethodPost, path+":activate", ``), http.StatusOK)
	enrolment := send(h, http.MethodPost, path+"/enrolments", `{"contact":"c"}`).Header().Get("Location")
	for _, step := range []struct {
		action string
		status int
		state  any
	}{
		{":resume", http.StatusOK, "ACTIVE"},
		{":pause", http.StatusOK, "PAUSED"},
		{":pause", http.StatusOK, "PAUSED"},
		{":resume", http.StatusOK, "ACTIVE"},
		{":cancel", http.StatusOK, "CANCELLED"},
		{":cancel", http.StatusOK, "CANCELLED"},
		{":pause", http.StatusUnprocessableEntity, nil},
		{":resume", http.StatusUnprocessableEntity, nil},
	} {
		if got := decode(t, send(h, http.MethodPost, enrolment+step.action, ``), step.status); step.state != nil && got["state"] != step.state {
			t.Errorf("%s: the state is %v, want %v", step.action, got["state"], step.state)
		}
	}
	// A contact whose enrolment has ended can be enrolled again.
	decode(t, send(h, http.MethodPost, path+"/enrolments", `{"contact":"c"}`), http.StatusCreated)
}

// Only JSON is read.
func TestMediaType(t *testing.T) {
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"} {
		request := httptest.NewRequest(http.MethodPost, "/v1/playbooks", strings.NewReader(`{"name":"n"}`))
		request.Header.Set("Content-Type", kind)
		recorder := httptest.NewRecorder()
		newHandler(t).ServeHTTP(recorder, request)
		if recorder.Code != http.StatusUnsupportedMediaType {
			t.Errorf("%q: got %d, want 415", kind, recorder.Code)
		}
	}
}

// A contact that is enrolled twice is a conflict.
func TestConflict(t *testing.T) {
	h := newHandler(t)
	id, _ := decode(t, send(h, http.MethodPost, "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"t"}]}`), http.StatusCreated)["id"].(string)
	decode(t, send(h, http.MethodPost, "/v1/playbooks/"+id+":activate", `{}`), http.StatusOK)
	decode(t, send(h, http.MethodPost, "/v1/playbooks/"+id+"/enrolments", `{"contact":"c"}`), http.StatusCreated)
	decode(t, send(h, http.MethodPost, "/v1/playbooks/"+id+"/enrolments", `{"contact":"c"}`), http.StatusConflict)
}

// A page names the next one until the list ends.
func TestPages(t *testing.T) {
	h := newHandler(t)
	for range 3 {
		decode(t, send(h, http.MethodPost, "/v1/playbooks", `{"name":"n"}`), http.StatusCreated)
	}
	seen := map[any]bool{}
	path := "/v1/playbooks?page_size=2"
	for _, want := range []int{2, 1} {
		page := decode(t, send(h, http.MethodGet, path, ""), http.StatusOK)
		playbooks, _ := page["playbooks"].([]any)
		if len(playbooks) != want {
			t.Fatalf("the page has %d playbooks, want %d", len(playbooks), want)
		}
		for _, playbook := range playbooks {
			seen[playbook.(map[string]any)["id"]] = true
		}
		token, _ := page["next_page_token"].(string)
		if (token != "") != (want == 2) {
			t.Errorf("after %d playbooks the token is %q", len(seen), token)
		}
		path = "/v1/playbooks?page_size=2&page_token=" + token
	}
	if len(seen) != 3 {
		t.Errorf("the pages hold %d playbooks, want 3", len(seen))
	}
}

// HEAD answers what GET would.
func TestHead(t *testing.T) {
	if got := send(newHandler(t), http.MethodHead, "/v1/playbooks", "").Code; got != http.StatusOK {
		t.Errorf("got %d, want 200", got)
	}
}

// failing is a store whose reads fail.
type failing struct {
	usecase.Store
	err error
}

func (f failing) Playbook(context.Context, domain.Workspace, string) (domain.Playbook, error) {
	return domain.Playbook{}, f.err
}

// The caller learns what it can act on, and nothing of the cause.
func TestCausesAreHidden(t *testing.T) {
	cause := errors.New("hunter2")
	for _, test := range []struct {
		err        error
		status     int
		detail     string
		retryAfter string
	}{
		{cause, http.StatusInternalServerError, "internal error", ""},
		{&domain.Error{Kind: domain.Unavailable, Message: "the database is not available", Cause: cause}, http.StatusServiceUnavailable, "the database is not available", "1"},
	} {
		recorder := send(handlerOn(t, failing{newStore(t), test.err}), http.MethodGet, "/v1/playbooks/"+missing, "")
		body := decode(t, recorder, test.status)
		if body["detail"] != test.detail || strings.Contains(recorder.Body.String(), "hunter2") {
			t.Errorf("%v: got %s, want the detail %q", test.err, recorder.Body, test.detail)
		}
		if got := recorder.Header().Get("Retry-After"); got != test.retryAfter {
			t.Errorf("%v: Retry-After is %q, want %q", test.err, got, test.retryAfter)
		}
	}
}

// A store that fails because the client went away is not our failure.
func TestClientGoesAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/playbooks/"+missing, nil)
	recorder := httptest.NewRecorder()
	handlerOn(t, failing{newStore(t), context.Canceled}).ServeHTTP(recorder, request)
	if recorder.Code != 499 {
		t.Errorf("got %d, want 499", recorder.Code)
	}
}

// Each of many contacts has the status that it would have had alone.
func TestEnrolContacts(t *testing.T) {
	h := newHandler(t)
	path := send(h, http.MethodPost, "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"t"}]}`).Header().Get("Location")
	if got := send(h, http.MethodPost, path+"/enrolments:batch", `{"contacts":["a"]}`).Code; got != http.StatusUnprocessableEntity {
		t.Errorf("in a draft: got %d, want 422", got)
	}
	decode(t, send(h, http.MethodPost, path+":activate", ``), http.StatusOK)
	answer := decode(t, send(h, http.MethodPost, path+"/enrolments:batch", `{"contacts":["a","b","","a"]}`), http.StatusOK)
	results, _ := answer["results"].([]any)
	if len(results) != 4 {
		t.Fatalf("got %v, want 4 results", answer)
	}
	for i, want := range []struct {
		contact string
		status  float64
	}{{"a", 201}, {"b", 201}, {"", 400}, {"a", 409}} {
		result, _ := results[i].(map[string]any)
		enrolment, _ := result["enrolment"].(map[string]any)
		detail, _ := result["detail"].(string)
		if result["contact"] != want.contact || result["status"] != want.status || (detail == "") != (want.status == 201) || (enrolment != nil) != (want.status == 201) {
			t.Errorf("contact %d: got %v, want %v", i, result, want)
		}
		if want.status == 201 {
			id, _ := enrolment["id"].(string)
			if got := decode(t, send(h, http.MethodGet, "/v1/enrolments/"+id, ""), http.StatusOK); !cmp.Equal(got, enrolment) {
				t.Errorf("contact %d: got %v, stored is %v", i, enrolment, got)
			}
		}
	}
	for body, status := range map[string]int{
		`{}`: 400, `{"contacts":[]}`: 400, `{"contacts":"a"}`: 400, `{"contacts":["a",1]}`: 400, `{"contacts":["a",null]}`: 400, `{"contacts":["c"],"x":1}`: 400,
		`{"contacts":[` + strings.Repeat(`"",`, 10_000) + `""]}`: 400,
	} {
		if got := send(h, http.MethodPost, path+"/enrolments:batch", body).Code; got != status {
			t.Errorf("%.40s: got %d, want %d", body, got, status)
		}
	}
	if got := send(h, http.MethodPost, "/v1/playbooks/"+missing+"/enrolments:batch", `{"contacts":["a"]}`).Code; got != http.StatusNotFound {
		t.Errorf("in a missing playbook: got %d, want 404", got)
	}
}

// interrupted is a store in which something happens before the second chunk of
// contacts.
type interrupted struct {
	usecase.Store
	chunks int
	before func() error
}

func (i *interrupted) Playbook(ctx context.Context, workspace domain.Workspace, id string) (domain.Playbook, error) {
	if i.chunks++; i.chunks == 2 {
		if err := i.before(); err != nil {
			return domain.Playbook{}, err
		}
	}
	return i.Store.Playbook(ctx, workspace, id)
}

// Many contacts under an Idempotency-Key are done to the end when their client goes
// away, and what something else kept from being done is done when they come again.
func TestEnrolContactsHalfway(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	for _, test := range []struct {
		name          string
		ctx           context.Context
		before        func() error
		first, second map[float64]int
		replayed      bool
	}{
		{"the client goes away", ctx, func() error { leave(); return nil },
			map[float64]int{201: 700}, map[float64]int{201: 700}, true},
		{"the database goes away", t.Context(), func() error { return domain.Errorf(domain.Unavailable, "away") },
			map[float64]int{201: 500, 503: 200}, map[float64]int{409: 500, 201: 200}, false},
		{"something breaks", t.Context(), func() error { return errors.New("broken") },
			map[float64]int{201: 500, 500: 200}, map[float64]int{409: 500, 201: 200}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := &interrupted{Store: newStore(t), before: test.before}
			h := handlerOn(t, store)
			path := send(h, http.MethodPost, "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"t"}]}`).Header().Get("Location")
			decode(t, send(h, http.MethodPost, path+":activate", ``), http.StatusOK)
			store.chunks = 0
			var contacts []string
			for n := range 700 {
				contacts = append(contacts, strconv.Itoa(n))
			}
			body, err := json.Marshal(map[string]any{"contacts": contacts})
			if err != nil {
				t.Fatal(err)
			}
			enrol := func(ctx context.Context, want map[float64]int) (replayed bool) {
				t.Helper()
				request := httptest.NewRequestWithContext(ctx, http.MethodPost, path+"/enrolments:batch", bytes.NewReader(body))
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Idempotency-Key", "k")
				recorder := httptest.NewRecorder()
				h.ServeHTTP(recorder, request)
				results, _ := decode(t, recorder, http.StatusOK)["results"].([]any)
				got := map[float64]int{}
				for _, result := range results {
					status, _ := result.(map[string]any)["status"].(float64)
					got[status]++
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("the statuses (-want +got):\n%s", diff)
				}
				return recorder.Header().Get("Idempotency-Replayed") != ""
			}
			if enrol(test.ctx, test.first) {
				t.Error("the first answer is one from before")
			}
			if got := enrol(t.Context(), test.second); got != test.replayed {
				t.Errorf("the second answer is one from before: %v, want %v", got, test.replayed)
			}
			if !enrol(t.Context(), test.second) {
				t.Error("the third answer is not one from before")
			}
		})
	}
}

// A list names the next page until it ends, and can be narrowed down.
func TestListEnrolments(t *testing.T) {
	h := newHandler(t)
	path := send(h, http.MethodPost, "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"t"}]}`).Header().Get("Location")
	decode(t, send(h, http.MethodPost, path+":activate", ``), http.StatusOK)
	if got := send(h, http.MethodGet, path+"/enrolments", "").Body.String(); got != `{"enrolments":[]}`+"\n" {
		t.Errorf("an empty list is %s", got)
	}
	text := func(enrolment any, name string) string {
		text, _ := enrolment.(map[string]any)[name].(string)
		return text
	}
	var all []any
	for _, contact := range []string{"a&b=c", "d&e=f", "g&h=i"} {
		all = append(all, decode(t, send(h, http.MethodPost, path+"/enrolments", `{"contact":"`+contact+`"}`), http.StatusCreated))
	}
	// The clock stands still, so that IDs decide.
	slices.SortFunc(all, func(a, b any) int { return strings.Compare(text(b, "id"), text(a, "id")) })
	id, contact := text(all[1], "id"), url.QueryEscape(text(all[1], "contact"))
	all[1] = decode(t, send(h, http.MethodPost, "/v1/enrolments/"+id+":pause", ``), http.StatusOK)
	for _, test := range []struct {
		query string
		want  []any
	}{
		{"?page_size=2", all},
		{"?state=ACTIVE&page_size=1", []any{all[0], all[2]}},
		{"?contact=" + contact, all[1:2]},
		{"?state=ACTIVE&contact=" + contact, nil},
	} {
		var got []any
		for token := ""; ; {
			page := decode(t, send(h, http.MethodGet, path+"/enrolments"+test.query+token, ""), http.StatusOK)
			items, _ := page["enrolments"].([]any)
			got = append(got, items...)
			next, _ := page["next_page_token"].(string)
			if next == "" {
				break
			}
			token = "&page_token=" + next
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.query, diff)
		}
	}
	for query, status := range map[string]int{"?state=active": 400, "?page_size=x": 400, "?page_token=x": 400, "?contact=%20": 400} {
		if got := send(h, http.MethodGet, path+"/enrolments"+query, "").Code; got != status {
			t.Errorf("%s: got %d, want %d", query, got, status)
		}
	}
}
