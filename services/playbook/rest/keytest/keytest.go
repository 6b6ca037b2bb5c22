// Package keytest gives tests of the rest process an API key.
package keytest

import (
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/open"
)

// credential is the same for all tests, so that they need not hand it around.
func credential() domain.Credential {
	return domain.Credential{Workspace: "default", KeyID: "0190b0a4-7c3e-7b1a-8f1e-00000000c0de", Secret: domain.Secret{1, 2, 3}}
}

// Authorization is the header that the holder of the key sends.
func Authorization() string { return "Bearer " + credential().Token() }

// Add stores the key in a database.
func Add(t testing.TB, databaseURL string) {
	t.Helper()
	add(t, databaseURL, credential(), domain.Scopes()...)
}

// AddFor stores a key that is for nothing but a scope, and returns the header that
// its holder sends.
func AddFor(t testing.TB, databaseURL string, scope domain.Scope) string {
	t.Helper()
	c := credential()
	c.KeyID = "0190b0a4-7c3e-7b1a-8f1e-" + hex.EncodeToString([]byte((scope + "      ")[:6]))
	add(t, databaseURL, c, scope)
	return "Bearer " + c.Token()
}

func add(t testing.TB, databaseURL string, c domain.Credential, scopes ...domain.Scope) {
	t.Helper()
	store, err := open.Open(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	key, err := domain.NewKey(c.KeyID, c.Secret, domain.KeySpec{Name: "test", Scopes: scopes}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.CreateKey(t.Context(), c.Workspace, key); err != nil {
		t.Fatal(err)
	}
}

// Do sends a request with the key.
func Do(request *http.Request) (*http.Response, error) {
	request.Header.Set("Authorization", Authorization())
	return http.DefaultClient.Do(request)
}

// Get reads an address with the key.
func Get(url string) (*http.Response, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return Do(request)
}
