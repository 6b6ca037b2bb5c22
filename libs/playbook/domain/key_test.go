package domain_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// A key keeps what was chosen, each scope once, and no secret.
func TestNewKey(t *testing.T) {
	secret := domain.Secret([]byte(strings.Repeat("s", domain.SecretLength)))
	got, err := domain.NewKey(id, secret, domain.KeySpec{
		Name: "CRM", Scopes: []domain.Scope{domain.ScopeWrite, domain.ScopeRead, domain.ScopeWrite}, ExpiresAt: now.Add(time.Hour),
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 4, 6, 7, 123456000, time.UTC)
	want := domain.Key{
		ID: id, Name: "CRM", Scopes: []domain.Scope{domain.ScopeRead, domain.ScopeWrite},
		SecretHash: got.SecretHash, CreatedAt: at, ExpiresAt: at.Add(time.Hour),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("NewKey (-want +got):\n%s", diff)
	}
	if strings.Contains(string(got.SecretHash[:]), "ss") {
		t.Error("the key holds its secret")
	}
}

// A key has a name and scopes, and ends in the future.
func TestNewKeyRefuses(t *testing.T) {
	good := []domain.Scope{domain.ScopeRead}
	for _, test := range []struct {
		name, field string
		spec        domain.KeySpec
	}{
		{"no name", "name", domain.KeySpec{Scopes: good}},
		{"a long name", "name", domain.KeySpec{Name: strings.Repeat("x", domain.MaxKeyNameLength+1), Scopes: good}},
		{"no scopes", "scopes", domain.KeySpec{Name: "n"}},
		{"another scope", "scopes", domain.KeySpec{Name: "n", Scopes: []domain.Scope{domain.ScopeRead, "admin"}}},
		{"an end in the past", "expires_at", domain.KeySpec{Name: "n", Scopes: good, ExpiresAt: now}},
		{"an end far away", "expires_at", domain.KeySpec{Name: "n", Scopes: good, ExpiresAt: now.Add(domain.MaxKeyLife + time.Second)}},
	} {
		_, err := domain.NewKey(id, domain.Secret{}, test.spec, now)
		if domain.KindOf(err) != domain.Invalid || !strings.Contains(err.Error(), test.field) {
			t.Errorf("%s: got %v, want a mistake in %s", test.name, err, test.field)
		}
	}
}

// A key admits its secret until it ends, in whichever way.
func TestAdmits(t *testing.T) {
	secret := domain.Secret{1}
	key, err := domain.NewKey(id, secret, domain.KeySpec{Name: "n", Scopes: domain.Scopes(), ExpiresAt: now.Add(time.Hour)}, now)
	if err != nil {
		t.Fatal(err)
	}
	revoked := key
	revoked.RevokedAt = now.Add(-time.Second)
	forever := key
	forever.ExpiresAt = time.Time{}
	for _, test := range []struct {
		name   string
		key    domain.Key
		secret domain.Secret
		after  time.Duration
		want   bool
	}{
		{"the secret", key, secret, 0, true},
		{"another secret", key, domain.Secret{2}, 0, false},
		{"just before the end", key, secret, time.Hour - time.Millisecond, true},
		{"at the end", key, secret, time.Hour, false},
		{"without an end", forever, secret, 1000 * time.Hour, true},
		{"revoked", revoked, secret, 0, false},
		{"no key", domain.Key{}, domain.Secret{}, 0, false},
	} {
		if got := test.key.Admits(test.secret, now.Add(test.after)); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// A use is noted once in a while.
func TestUsed(t *testing.T) {
	var key domain.Key
	begin := now.Truncate(time.Microsecond)
	for _, test := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {time.Second, false}, {domain.KeyUseInterval - time.Microsecond, false}, {domain.KeyUseInterval, true}, {domain.KeyUseInterval + time.Second, false}} {
		used, worthNoting := key.Used(begin.Add(test.after))
		if worthNoting != test.want {
			t.Errorf("after %s: got %v, want %v", test.after, worthNoting, test.want)
		}
		key = used
	}
}

// A secret that is printed by accident shows nothing.
func TestSecretIsNotPrinted(t *testing.T) {
	credential := domain.Credential{Workspace: "acme", KeyID: id, Secret: domain.Secret{42}}
	for _, verb := range []string{"%v", "%+v", "%s"} {
		if text := fmt.Sprintf(verb, credential); strings.Contains(text, "42") || !strings.Contains(text, "redacted") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

// Whatever is no token is the credential of no key.
func TestParseToken(t *testing.T) {
	want := domain.Credential{Workspace: "acme-2", KeyID: id, Secret: domain.Secret([]byte(strings.Repeat("\xff", domain.SecretLength)))}
	good := want.Token()
	if got, ok := domain.ParseToken(good); !ok || got != want {
		t.Errorf("ParseToken(%q): got %v, %v, want %v", good, got, ok, want)
	}
	digits := strings.ReplaceAll(id, "-", "")
	for name, token := range map[string]string{
		"nothing":                    "",
		"another prefix":             "xx" + good[2:],
		"a prefix alone":             "pb_",
		"no secret":                  good[:strings.LastIndex(good, "_")],
		"an empty secret":            "pb_acme-2_" + digits + "_",
		"a short secret":             good[:len(good)-1],
		"a long secret":              good + "A",
		"padding":                    good + "=",
		"unused bits":                good[:len(good)-1] + "9",
		"a line break in the secret": good[:len(good)-3] + "\n" + good[len(good)-3:],
		"upper case":                 strings.Replace(good, digits, strings.ToUpper(digits), 1),
		"dashes":                     strings.Replace(good, digits, id, 1),
		"a workspace that is none":   strings.Replace(good, "acme-2", "Acme", 1),
		"no workspace":               strings.Replace(good, "acme-2", "", 1),
		"white space":                good + " ",
	} {
		got, ok := domain.ParseToken(token)
		if ok || got.Secret != (domain.Secret{}) || domain.CheckID("id", got.KeyID) != nil || domain.CheckWorkspace("workspace", got.Workspace) != nil {
			t.Errorf("%s: ParseToken(%q): got %v, %v, want no key's", name, token, got, ok)
		}
	}
}

// What is read is what Token writes, and nothing else.
func FuzzParseToken(f *testing.F) {
	f.Add(domain.Credential{Workspace: "acme", KeyID: id}.Token())
	f.Add("pb_acme_0190b0a47c3e7b1a8f1e2d3c4b5a6978_")
	f.Add("pb___")
	f.Fuzz(func(t *testing.T, token string) {
		credential, ok := domain.ParseToken(token)
		if ok && credential.Token() != token {
			t.Errorf("%q is read as %q", token, credential.Token())
		}
		if domain.CheckID("id", credential.KeyID) != nil || domain.CheckWorkspace("workspace", credential.Workspace) != nil {
			t.Errorf("%q is read as %v, which cannot be looked up", token, credential)
		}
	})
}
