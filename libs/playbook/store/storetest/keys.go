package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

func newKey(t *testing.T, n int, spec domain.KeySpec) domain.Key {
	t.Helper()
	key, err := domain.NewKey(id(n), domain.Secret{byte(n)}, spec, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func createKey(t *testing.T, store Store, n int) domain.Key {
	t.Helper()
	key := newKey(t, n, domain.KeySpec{Name: fmt.Sprintf("Key %d", n), Scopes: domain.Scopes()})
	if err := store.CreateKey(t.Context(), workspace, key); err != nil {
		t.Fatalf("CreateKey: %v", err)
	}
	return key
}

func wantKey(t *testing.T, store Store, want domain.Key) {
	t.Helper()
	got, err := store.Key(t.Context(), workspace, want.ID)
	if err != nil {
		t.Fatalf("Key: %v", err)
	}
	wantEqual(t, "the key", got, want)
}

// Whatever the domain accepts comes back as it was.
func keyRoundTrip(t *testing.T, store Store) {
	for i, spec := range []domain.KeySpec{
		{Name: "x", Scopes: []domain.Scope{domain.ScopeRead}},
		{Name: strings.Repeat("鍵", domain.MaxKeyNameLength), Scopes: domain.Scopes(), ExpiresAt: epoch.Add(domain.MaxKeyLife)},
	} {
		want := newKey(t, i, spec)
		if err := store.CreateKey(t.Context(), workspace, want); err != nil {
			t.Fatalf("CreateKey: %v", err)
		}
		wantKey(t, store, want)
		wantKind(t, "CreateKey again", store.CreateKey(t.Context(), workspace, want), domain.AlreadyExists)
	}
}

// A key is that of its workspace, and nobody else sees or ends it.
func keysOfAnotherWorkspace(t *testing.T, store Store) {
	key := createKey(t, store, 1)
	_, err := store.Key(t.Context(), stranger, key.ID)
	wantKind(t, "Key", err, domain.NotFound)
	wantKind(t, "RevokeKey", store.RevokeKey(t.Context(), stranger, key.ID, epoch), domain.NotFound)
	wantKind(t, "UseKey", store.UseKey(t.Context(), stranger, key.ID, epoch), 0)
	keys, err := store.Keys(t.Context(), stranger, nil, 10)
	if err != nil || len(keys) > 0 {
		t.Errorf("Keys: got %v, %v, want none", keys, err)
	}
	wantKey(t, store, key)
}

// A key is ended once, and stays as it was ended first.
func revokeKey(t *testing.T, store Store) {
	key, other := createKey(t, store, 1), createKey(t, store, 2)
	for i := range 2 {
		if err := store.RevokeKey(t.Context(), workspace, key.ID, epoch.Add(time.Duration(i+1)*time.Hour)); err != nil {
			t.Fatalf("RevokeKey: %v", err)
		}
	}
	key.RevokedAt = epoch.Add(time.Hour)
	wantKey(t, store, key)
	wantKey(t, store, other)
	_, err := store.Key(t.Context(), workspace, id(3))
	wantKind(t, "Key of none", err, domain.NotFound)
	wantKind(t, "RevokeKey of none", store.RevokeKey(t.Context(), workspace, id(3), epoch), domain.NotFound)
}

// The last use is the latest, in whatever order uses are noted.
func useKey(t *testing.T, store Store) {
	key := createKey(t, store, 1)
	for _, after := range []time.Duration{time.Minute, time.Hour, time.Second} {
		if err := store.UseKey(t.Context(), workspace, key.ID, epoch.Add(after)); err != nil {
			t.Fatalf("UseKey: %v", err)
		}
	}
	key.LastUsedAt = epoch.Add(time.Hour)
	wantKey(t, store, key)
	wantKind(t, "UseKey of none", store.UseKey(t.Context(), workspace, id(2), epoch), 0)
}

// Pages put together are the whole list, the newest first.
func keyPages(t *testing.T, store Store) {
	var want []domain.Key
	for n := range 5 {
		want = append([]domain.Key{createKey(t, store, n)}, want...)
	}
	var got []domain.Key
	var after *usecase.Position
	for {
		page, err := store.Keys(t.Context(), workspace, after, 2)
		if err != nil {
			t.Fatalf("Keys: %v", err)
		}
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		last := page[len(page)-1]
		after = &usecase.Position{CreatedAt: last.CreatedAt, ID: last.ID}
	}
	wantEqual(t, "the pages", got, want)
}
