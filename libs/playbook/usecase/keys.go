package usecase

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// KeyStore keeps API keys.
type KeyStore interface {
	// CreateKey stores a new key. Fails with AlreadyExists when its ID is taken.
	CreateKey(ctx context.Context, workspace domain.Workspace, key domain.Key) error
	// Key returns a key by its ID. Fails with NotFound.
	Key(ctx context.Context, workspace domain.Workspace, id string) (domain.Key, error)
	// Keys returns up to limit keys that come after a position in the order of the
	// list (see Position), or from its start when after is nil.
	Keys(ctx context.Context, workspace domain.Workspace, after *Position, limit int) ([]domain.Key, error)
	// RevokeKey ends a key at a time. One that was ended before stays as it is.
	// Fails with NotFound.
	RevokeKey(ctx context.Context, workspace domain.Workspace, id string, at time.Time) error
	// UseKey notes when a key was used, where nothing later is noted. A key that
	// does not exist is left alone.
	UseKey(ctx context.Context, workspace domain.Workspace, id string, at time.Time) error
}

// KeyPage is a part of the list of keys.
type KeyPage struct {
	// Keys are the newest first.
	Keys []domain.Key
	// NextToken asks for the next page; empty when this is the last one.
	NextToken string
}

// CreateKey stores a new API key and returns it with its token, which nobody can
// read again. Fails with Invalid.
func (s *Service) CreateKey(ctx context.Context, workspace domain.Workspace, spec domain.KeySpec) (domain.Key, string, error) {
	credential := domain.Credential{Workspace: workspace, KeyID: s.newID()}
	_, _ = rand.Read(credential.Secret[:]) // it never fails
	key, err := domain.NewKey(credential.KeyID, credential.Secret, spec, s.now())
	if err != nil {
		return domain.Key{}, "", err
	}
	if err := s.store.CreateKey(ctx, workspace, key); err != nil {
		return domain.Key{}, "", fmt.Errorf("storing the key: %w", err)
	}
	return key, credential.Token(), nil
}

// ListKeys returns the page of a workspace's keys that starts after token, or the
// first one when token is empty, those that have ended included. Fails with
// Invalid on the fields page_size and page_token.
func (s *Service) ListKeys(ctx context.Context, workspace domain.Workspace, pageSize int, token string) (KeyPage, error) {
	list := listOf("keys", string(workspace))
	after, size, err := list.read(pageSize, token)
	if err != nil {
		return KeyPage{}, err
	}
	// One more than asked for tells whether there is another page.
	keys, err := s.store.Keys(ctx, workspace, after, size+1)
	if err != nil {
		return KeyPage{}, fmt.Errorf("reading keys: %w", err)
	}
	if len(keys) <= size {
		return KeyPage{Keys: keys}, nil
	}
	last := keys[size-1]
	return KeyPage{Keys: keys[:size], NextToken: list.token(Position{CreatedAt: last.CreatedAt, ID: last.ID})}, nil
}

// RevokeKey ends a key at once, for good. It changes nothing when the key was
// ended before. Fails with Invalid and NotFound.
func (s *Service) RevokeKey(ctx context.Context, workspace domain.Workspace, id string) (domain.Key, error) {
	if err := domain.CheckID("id", id); err != nil {
		return domain.Key{}, err
	}
	if err := s.store.RevokeKey(ctx, workspace, id, s.now()); err != nil {
		return domain.Key{}, fmt.Errorf("revoking the key: %w", err)
	}
	key, err := s.store.Key(ctx, workspace, id)
	if err != nil {
		return domain.Key{}, fmt.Errorf("reading the key: %w", err)
	}
	return key, nil
}

// Authenticate says whom a token is from. It looks the key up every time, so
// that a key that was revoked is refused from then on. Whatever is wrong, the
// same is done in the same order and the answer is the same. Fails with
// Unauthenticated.
func (s *Service) Authenticate(ctx context.Context, token string) (domain.Caller, error) {
	credential, readable := domain.ParseToken(token)
	key, err := s.store.Key(ctx, credential.Workspace, credential.KeyID)
	if err != nil && domain.KindOf(err) != domain.NotFound {
		return domain.Caller{}, fmt.Errorf("reading the key: %w", err)
	}
	exists := err == nil
	now := s.now()
	// Where there is no key, its hash is that of nothing, and is compared all the
	// same.
	admitted := key.Admits(credential.Secret, now)
	if !readable || !exists || !admitted {
		return domain.Caller{}, domain.Errorf(domain.Unauthenticated, "the API key is missing or not valid")
	}
	if used, worthNoting := key.Used(now); worthNoting {
		// The time is a hint for people. No request is refused for it.
		_ = s.store.UseKey(ctx, credential.Workspace, key.ID, used.LastUsedAt)
	}
	return domain.Caller{Workspace: credential.Workspace, KeyID: key.ID, Scopes: key.Scopes}, nil
}
