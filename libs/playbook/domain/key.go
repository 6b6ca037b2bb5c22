package domain

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// Bounds of an API key.
const (
	// SecretLength is in bytes.
	SecretLength = 32
	// MaxKeyNameLength is in characters.
	MaxKeyNameLength = 100
	// MaxKeyLife is the longest time that a key that expires can be valid for.
	MaxKeyLife = 10 * 365 * 24 * time.Hour
)

// Scope is something that a key allows.
type Scope string

// The scopes of a key. They do not include each other.
const (
	ScopeRead  Scope = "read"
	ScopeWrite Scope = "write"
)

// Scopes returns every scope.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeWrite} }

// Secret is what the holder of a key knows and nobody else.
type Secret [SecretLength]byte

// String returns a fixed text, so that a secret cannot get into a log by accident.
func (Secret) String() string { return "(redacted)" }

// hash is how a secret is kept. A secret has 256 random bits, so nobody can try
// them all, however fast the hash is: a slow one, made for passwords that people
// choose, would only cost time in each request.
func (s Secret) hash() [sha256.Size]byte { return sha256.Sum256(s[:]) }

// Key lets its holder call the API in the name of a workspace. NewKey makes one;
// the fields are open for stores to fill and for adapters to read.
type Key struct {
	ID string
	// Name says for people who uses the key.
	Name   string
	Scopes []Scope
	// SecretHash is all that is kept of the secret.
	SecretHash [sha256.Size]byte
	// CreatedAt is in UTC with microseconds, as the times below, which are zero
	// where there is none.
	CreatedAt time.Time
	// ExpiresAt is when the key ends by itself.
	ExpiresAt time.Time
	// LastUsedAt is when the key was last used, give or take KeyUseInterval.
	LastUsedAt time.Time
	// RevokedAt is when somebody ended the key.
	RevokedAt time.Time
}

// KeyUseInterval is how long after a use the next one is noted: a key that is
// used a thousand times a second must not be written as often.
const KeyUseInterval = time.Minute

// KeySpec is what a caller chooses about a new key.
type KeySpec struct {
	Name   string
	Scopes []Scope
	// ExpiresAt is zero for a key that does not end by itself.
	ExpiresAt time.Time
}

// NewKey returns a key for the holder of a secret. It fails with Invalid and
// every mistake that it finds.
func NewKey(id string, secret Secret, spec KeySpec, now time.Time) (Key, error) {
	now = instant(now)
	if !spec.ExpiresAt.IsZero() {
		spec.ExpiresAt = instant(spec.ExpiresAt)
	}
	if err := spec.validate(now); err != nil {
		return Key{}, err
	}
	key := Key{ID: id, Name: spec.Name, SecretHash: secret.hash(), CreatedAt: now, ExpiresAt: spec.ExpiresAt}
	// One order and no repetition, so that a key has one spelling.
	for _, scope := range Scopes() {
		if slices.Contains(spec.Scopes, scope) {
			key.Scopes = append(key.Scopes, scope)
		}
	}
	return key, nil
}

func (s KeySpec) validate(now time.Time) error {
	var found violations
	text{min: 1, max: MaxKeyNameLength}.check(&found, "name", s.Name)
	if len(s.Scopes) == 0 || slices.ContainsFunc(s.Scopes, func(scope Scope) bool { return !slices.Contains(Scopes(), scope) }) {
		found.add("scopes", "must be one or more of read, write")
	}
	if !s.ExpiresAt.IsZero() && (!s.ExpiresAt.After(now) || s.ExpiresAt.After(now.Add(MaxKeyLife))) {
		found.add("expires_at", "must be in the future, and at most 10 years away")
	}
	if err := found.err(); err != nil {
		return err
	}
	return nil
}

// Admits says whether the holder of a secret may use the key at a time. It takes
// the same time whatever is wrong.
func (k Key) Admits(secret Secret, now time.Time) bool {
	hash := secret.hash()
	known := subtle.ConstantTimeCompare(hash[:], k.SecretHash[:]) == 1
	revoked := !k.RevokedAt.IsZero()
	expired := !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)
	return known && !revoked && !expired
}

// Used returns the key as used at a time, and whether that is worth noting.
func (k Key) Used(now time.Time) (Key, bool) {
	if now.Sub(k.LastUsedAt) < KeyUseInterval {
		return k, false
	}
	k.LastUsedAt = instant(now)
	return k, true
}

// Credential is what the holder of a key sends: which key it is, and the secret.
// It names the key's workspace, so that looking the key up is a query within a
// workspace, as every other is. The name is nothing but a claim until the secret
// has proved it.
type Credential struct {
	Workspace Workspace
	KeyID     string
	Secret    Secret
}

// tokenPrefix lets people and scanners of source code see what a token is.
const tokenPrefix = "pb_"

// Token returns the credential as text: pb_, the workspace, the key's ID without
// dashes and the secret in base64url, with a low line between them.
func (c Credential) Token() string {
	return tokenPrefix + string(c.Workspace) + "_" + strings.ReplaceAll(c.KeyID, "-", "") + "_" +
		base64.RawURLEncoding.EncodeToString(c.Secret[:])
}

// ParseToken reads what Token returns. Where it returns false, the credential is
// that of no key.
func ParseToken(token string) (Credential, bool) {
	none := Credential{Workspace: "none", KeyID: "00000000-0000-0000-0000-000000000000"}
	rest, isToken := strings.CutPrefix(token, tokenPrefix)
	workspace, rest, hasID := strings.Cut(rest, "_")
	digits, text, hasSecret := strings.Cut(rest, "_")
	if !isToken || !hasID || !hasSecret || len(digits) != 32 || CheckWorkspace("workspace", Workspace(workspace)) != nil {
		return none, false
	}
	id := strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-")
	if !isUUID(id) {
		return none, false
	}
	// Strict refuses a second spelling of the same bytes.
	secret, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(secret) != SecretLength || len(text) != base64.RawURLEncoding.EncodedLen(SecretLength) {
		return none, false
	}
	return Credential{Workspace: Workspace(workspace), KeyID: id, Secret: Secret(secret)}, true
}

// Caller is whom a credential has proved.
type Caller struct {
	Workspace Workspace
	KeyID     string
	Scopes    []Scope
}

// May says whether the caller has a scope.
func (c Caller) May(scope Scope) bool { return slices.Contains(c.Scopes, scope) }
