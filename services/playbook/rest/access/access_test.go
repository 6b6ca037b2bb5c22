package access_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/uuidv7"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
	"github.com/soketsugo/soketsugo/services/playbook/rest/access"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newService(t *testing.T) (*usecase.Service, usecase.Store) {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return usecase.New(store, func() time.Time { return epoch }, func() string { return uuidv7.New(epoch) }), store
}

func newKey(t *testing.T, service *usecase.Service, scopes ...domain.Scope) (domain.Key, string) {
	t.Helper()
	key, token, err := service.CreateKey(t.Context(), "acme", domain.KeySpec{Name: "test", Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return key, token
}

// send sends a request with the values of Authorization and returns the answer, and
// the caller that was let through.
func send(service *usecase.Service, method string, authorization ...string) (*httptest.ResponseRecorder, *domain.Caller) {
	var caller *domain.Caller
	handler := access.Require(service, fail)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		found := access.Caller(r.Context())
		caller = &found
	}))
	request := httptest.NewRequest(method, "/", nil)
	request.Header["Authorization"] = authorization
	if len(authorization) == 0 {
		delete(request.Header, "Authorization")
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder, caller
}

// fail answers errors that are no refusals.
func fail(w http.ResponseWriter, _ *http.Request, err error) {
	w.WriteHeader(http.StatusTeapot)
	_, _ = w.Write([]byte(domain.KindOf(err).String()))
}

// A key lets its holder through, as whom it is.
func TestValidKey(t *testing.T) {
	service, _ := newService(t)
	key, token := newKey(t, service, domain.Scopes()...)
	for _, spelling := range []string{"Bearer " + token, "bearer " + token, "BEARER   " + token} {
		recorder, caller := send(service, http.MethodPost, spelling)
		if recorder.Code != http.StatusOK || caller == nil {
			t.Fatalf("%s…: got %d: %s", spelling[:8], recorder.Code, recorder.Body)
		}
		if diff := cmp.Diff(domain.Caller{Workspace: "acme", KeyID: key.ID, Scopes: domain.Scopes()}, *caller); diff != "" {
			t.Errorf("the caller (-want +got):\n%s", diff)
		}
	}
	if _, err := service.RevokeKey(t.Context(), "acme", key.ID); err != nil {
		t.Fatal(err)
	}
	if recorder, _ := send(service, http.MethodGet, "Bearer "+token); recorder.Code != http.StatusUnauthorized {
		t.Errorf("a revoked key: got %d, want 401", recorder.Code)
	}
}

// Whatever is wrong, the answer is the same to the byte, and nothing is done.
func TestRefusal(t *testing.T) {
	service, _ := newService(t)
	key, token := newKey(t, service, domain.Scopes()...)
	revoked, revokedToken := newKey(t, service, domain.Scopes()...)
	if _, err := service.RevokeKey(t.Context(), "acme", revoked.ID); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		Status int
		Header http.Header
		Body   string
	}
	var first *answer
	for name, values := range map[string][]string{
		"nothing":           nil,
		"an empty value":    {""},
		"no token":          {"Bearer"},
		"another scheme":    {"Basic " + token},
		"two values":        {"Bearer " + token, "Bearer " + token},
		"the token alone":   {token},
		"a wrong secret":    {"Bearer " + token[:len(token)-43] + strings.Repeat("A", 43)},
		"an unknown key":    {"Bearer " + strings.Replace(token, strings.ReplaceAll(key.ID, "-", ""), strings.Repeat("0", 32), 1)},
		"another workspace": {"Bearer " + strings.Replace(token, "acme", "rival", 1)},
		"a revoked key":     {"Bearer " + revokedToken},
		"words":             {"Bearer hunter2 hunter2"},
	} {
		recorder, caller := send(service, http.MethodGet, values...)
		got := &answer{recorder.Code, recorder.Header(), recorder.Body.String()}
		if first == nil {
			first = got
			t.Logf("%d %v %s", got.Status, got.Header, got.Body)
		}
		if diff := cmp.Diff(first, got); diff != "" || caller != nil {
			t.Errorf("%s: let through: %v, another answer (-first +got):\n%s", name, caller, diff)
		}
	}
	var problem struct {
		Status int
		Detail string
	}
	if err := json.Unmarshal([]byte(first.Body), &problem); err != nil || first.Status != http.StatusUnauthorized || problem.Status != first.Status ||
		first.Header.Get("Content-Type") != "application/problem+json" || first.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("the answer is %+v, %v", first, err)
	}
}

// A key is for what it is for.
func TestScopes(t *testing.T) {
	service, _ := newService(t)
	_, reads := newKey(t, service, domain.ScopeRead)
	_, writes := newKey(t, service, domain.ScopeWrite)
	for _, test := range []struct {
		method        string
		reads, writes int
	}{
		{http.MethodGet, http.StatusOK, http.StatusForbidden},
		{http.MethodHead, http.StatusOK, http.StatusForbidden},
		{http.MethodPost, http.StatusForbidden, http.StatusOK},
		{http.MethodPatch, http.StatusForbidden, http.StatusOK},
		{"BREW", http.StatusForbidden, http.StatusOK},
	} {
		for token, want := range map[string]int{reads: test.reads, writes: test.writes} {
			recorder, caller := send(service, test.method, "Bearer "+token)
			if recorder.Code != want || (caller != nil) != (want == http.StatusOK) {
				t.Errorf("%s: got %d, let through %v, want %d", test.method, recorder.Code, caller, want)
			}
			if got := recorder.Header().Get("WWW-Authenticate"); want == http.StatusForbidden && !strings.HasPrefix(got, `Bearer error="insufficient_scope", scope="`) {
				t.Errorf("%s: WWW-Authenticate is %q", test.method, got)
			}
		}
	}
}

// away is a store that cannot be reached.
type away struct{ usecase.Store }

func (away) Key(context.Context, domain.Workspace, string) (domain.Key, error) {
	return domain.Key{}, &domain.Error{Kind: domain.Unavailable, Message: "the database is not available"}
}

// A database that is away is no reason to tell somebody that the key is wrong.
func TestDatabaseIsAway(t *testing.T) {
	service, store := newService(t)
	_, token := newKey(t, service, domain.Scopes()...)
	service = usecase.New(away{store}, func() time.Time { return epoch }, func() string { return uuidv7.New(epoch) })
	recorder, caller := send(service, http.MethodGet, "Bearer "+token)
	if recorder.Code != http.StatusTeapot || recorder.Body.String() != "Unavailable" || caller != nil {
		t.Errorf("got %d %s, let through %v, want fail to be asked", recorder.Code, recorder.Body, caller)
	}
}

// Who was not let through is nobody.
func TestNoCaller(t *testing.T) {
	if got := access.Caller(t.Context()); got.Workspace != "" || got.May(domain.ScopeRead) {
		t.Errorf("got %v, want nobody", got)
	}
}
