package usecase_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
)

// spy notes what a store is asked about keys.
type spy struct {
	usecase.Store
	calls []string
	err   error
}

func (s *spy) Key(ctx context.Context, workspace domain.Workspace, id string) (domain.Key, error) {
	s.calls = append(s.calls, "Key")
	if s.err != nil {
		return domain.Key{}, s.err
	}
	return s.Store.Key(ctx, workspace, id)
}

func (s *spy) UseKey(ctx context.Context, workspace domain.Workspace, id string, at time.Time) error {
	s.calls = append(s.calls, "UseKey")
	if s.err != nil {
		return s.err
	}
	return s.Store.UseKey(ctx, workspace, id, at)
}

// clock is a time that tests move.
type clock struct{ now time.Time }

func newSpied(t *testing.T) (*usecase.Service, *spy, *clock) {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	s, c, count := &spy{Store: store}, &clock{epoch}, 0
	return usecase.New(s, func() time.Time { return c.now }, func() string {
		count++
		return id(count)
	}), s, c
}

func createKey(t *testing.T, service *usecase.Service, spec domain.KeySpec) (domain.Key, string) {
	t.Helper()
	key, token, err := service.CreateKey(t.Context(), workspace, spec)
	if err != nil {
		t.Fatal(err)
	}
	return key, token
}

// A key is made, used, listed and revoked; from then on it is refused.
func TestLifeOfAKey(t *testing.T) {
	service, _, clock := newSpied(t)
	spec := domain.KeySpec{Name: "CRM", Scopes: []domain.Scope{domain.ScopeRead}}
	key, token := createKey(t, service, spec)
	_, other := createKey(t, service, spec)
	if token == other {
		t.Fatal("two keys have one token")
	}
	caller, err := service.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(domain.Caller{Workspace: workspace, KeyID: key.ID, Scopes: spec.Scopes}, caller); diff != "" {
		t.Errorf("the caller (-want +got):\n%s", diff)
	}
	clock.now = epoch.Add(time.Hour)
	for range 2 {
		if _, err := service.RevokeKey(t.Context(), workspace, key.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := service.Authenticate(t.Context(), token); domain.KindOf(err) != domain.Unauthenticated {
		t.Errorf("a revoked key: got %v, want %v", err, domain.Unauthenticated)
	}
	if _, err := service.Authenticate(t.Context(), other); err != nil {
		t.Errorf("another key: %v", err)
	}
	page, err := service.ListKeys(t.Context(), workspace, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	if page, err = service.ListKeys(t.Context(), workspace, 1, page.NextToken); err != nil {
		t.Fatal(err)
	}
	key.LastUsedAt, key.RevokedAt = epoch, epoch.Add(time.Hour)
	if diff := cmp.Diff(usecase.KeyPage{Keys: []domain.Key{key}}, page); diff != "" {
		t.Errorf("the second page (-want +got):\n%s", diff)
	}
}

// Whatever is wrong with a token, the same is done and the same is said.
func TestRefusalsAreAlike(t *testing.T) {
	service, spy, clock := newSpied(t)
	spec := domain.KeySpec{Name: "CRM", Scopes: domain.Scopes()}
	key, token := createKey(t, service, spec)
	revoked, revokedToken := createKey(t, service, spec)
	if _, err := service.RevokeKey(t.Context(), workspace, revoked.ID); err != nil {
		t.Fatal(err)
	}
	spec.ExpiresAt = epoch.Add(time.Minute)
	_, expired := createKey(t, service, spec)
	clock.now = epoch.Add(time.Hour)
	if _, err := service.Authenticate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	clock.now = clock.now.Add(time.Hour)
	credential, _ := domain.ParseToken(token)
	changed := func(change func(*domain.Credential)) string {
		wrong := credential
		change(&wrong)
		return wrong.Token()
	}
	texts := map[string]bool{}
	for name, token := range map[string]string{
		"a wrong secret":    changed(func(c *domain.Credential) { c.Secret[0]++ }),
		"no secret":         changed(func(c *domain.Credential) { c.Secret = domain.Secret{} }),
		"an unknown key":    changed(func(c *domain.Credential) { c.KeyID = id(99) }),
		"another workspace": changed(func(c *domain.Credential) { c.Workspace = "rival" }),
		"a revoked key":     revokedToken,
		"an expired key":    expired,
		"no token":          "hunter2",
		"nothing":           "",
	} {
		spy.calls = nil
		_, err := service.Authenticate(t.Context(), token)
		if domain.KindOf(err) != domain.Unauthenticated {
			t.Errorf("%s: got %v, want %v", name, err, domain.Unauthenticated)
			continue
		}
		texts[err.Error()] = true
		if !slices.Equal(spy.calls, []string{"Key"}) {
			t.Errorf("%s: the store was asked for %q, want one look", name, spy.calls)
		}
	}
	if len(texts) != 1 {
		t.Errorf("the errors are %v, want one for all", texts)
	}
	if _, err := service.RevokeKey(t.Context(), workspace, id(99)); domain.KindOf(err) != domain.NotFound {
		t.Errorf("revoking an unknown key: %v", err)
	}
	if _, err := service.RevokeKey(t.Context(), workspace, "x"); domain.KindOf(err) != domain.Invalid {
		t.Errorf("revoking a bad ID: %v", err)
	}
	if _, err := service.RevokeKey(t.Context(), "rival", key.ID); domain.KindOf(err) != domain.NotFound {
		t.Errorf("revoking from another workspace: %v", err)
	}
}

// A use is noted once a minute at most, and a note that fails refuses nobody. A
// look that fails is no refusal either.
func TestUsesAreNoted(t *testing.T) {
	service, spy, clock := newSpied(t)
	_, token := createKey(t, service, domain.KeySpec{Name: "CRM", Scopes: domain.Scopes()})
	for second := range 150 {
		clock.now = epoch.Add(time.Duration(second) * time.Second)
		if _, err := service.Authenticate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	notes := 0
	for _, call := range spy.calls {
		if call == "UseKey" {
			notes++
		}
	}
	if notes != 3 {
		t.Errorf("150 uses in as many seconds were noted %d times, want 3", notes)
	}
	spy.err = errors.New("the disk is full")
	if _, err := service.Authenticate(t.Context(), token); !errors.Is(err, spy.err) || domain.KindOf(err) != 0 {
		t.Errorf("a look that fails: got %v, want %v", err, spy.err)
	}
}

// failingNotes is a store that cannot note a use.
type failingNotes struct{ usecase.Store }

func (failingNotes) UseKey(context.Context, domain.Workspace, string, time.Time) error {
	return errors.New("the disk is full")
}

// A note that fails refuses nobody.
func TestNoteFails(t *testing.T) {
	_, spy, _ := newSpied(t)
	service := usecase.New(failingNotes{spy.Store}, func() time.Time { return epoch }, func() string { return id(1) })
	_, token := createKey(t, service, domain.KeySpec{Name: "CRM", Scopes: domain.Scopes()})
	if _, err := service.Authenticate(t.Context(), token); err != nil {
		t.Errorf("Authenticate: %v", err)
	}
}

// A bad page of keys is refused on its field.
func TestKeyPages(t *testing.T) {
	service, _, _ := newSpied(t)
	for n := range 3 {
		createKey(t, service, domain.KeySpec{Name: fmt.Sprint(n), Scopes: domain.Scopes()})
	}
	for _, test := range []struct {
		size  int
		token string
	}{{-1, ""}, {1, "x"}} {
		if _, err := service.ListKeys(t.Context(), workspace, test.size, test.token); domain.KindOf(err) != domain.Invalid {
			t.Errorf("%v: got %v, want %v", test, err, domain.Invalid)
		}
	}
	page, err := service.ListKeys(t.Context(), workspace, 3, "")
	if err != nil || len(page.Keys) != 3 || page.NextToken != "" {
		t.Errorf("got %v, %v, want three keys and no token", page, err)
	}
}
