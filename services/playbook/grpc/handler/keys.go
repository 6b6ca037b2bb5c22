package handler

import (
	"context"
	"log/slog"
	"time"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type keys struct {
	playbookv1.UnimplementedKeyServiceServer
	service *usecase.Service
	log     *slog.Logger
}

// CreateKey makes a key.
func (k *keys) CreateKey(ctx context.Context, request *playbookv1.CreateKeyRequest) (*playbookv1.CreateKeyResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, k.log, err)
	}
	spec, err := keySpecFromProto(request)
	if err != nil {
		return nil, toStatus(ctx, k.log, err)
	}
	key, token, err := k.service.CreateKey(ctx, workspace, spec)
	if err != nil {
		return nil, toStatus(ctx, k.log, err)
	}
	return &playbookv1.CreateKeyResponse{Key: keyToProto(key), Token: token}, nil
}

// ListKeys returns one page.
func (k *keys) ListKeys(ctx context.Context, request *playbookv1.ListKeysRequest) (*playbookv1.ListKeysResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, k.log, err)
	}
	page, err := k.service.ListKeys(ctx, workspace, int(request.GetPageSize()), request.GetPageToken())
	if err != nil {
		return nil, toStatus(ctx, k.log, err)
	}
	response := &playbookv1.ListKeysResponse{NextPageToken: page.NextToken}
	for _, key := range page.Keys {
		response.Keys = append(response.Keys, keyToProto(key))
	}
	return response, nil
}

// RevokeKey ends a key.
func (k *keys) RevokeKey(ctx context.Context, request *playbookv1.RevokeKeyRequest) (*playbookv1.RevokeKeyResponse, error) {
	workspace, err := workspaceOf(ctx)
	if err != nil {
		return nil, toStatus(ctx, k.log, err)
	}
	key, err := k.service.RevokeKey(ctx, workspace, request.GetId())
	if err != nil {
		return nil, toStatus(ctx, k.log, err)
	}
	return &playbookv1.RevokeKeyResponse{Key: keyToProto(key)}, nil
}

func keySpecFromProto(request *playbookv1.CreateKeyRequest) (domain.KeySpec, error) {
	spec := domain.KeySpec{Name: request.GetName()}
	for _, scope := range request.GetScopes() {
		spec.Scopes = append(spec.Scopes, scopeFromProto(scope))
	}
	if at := request.GetExpiresAt(); at != nil {
		if at.CheckValid() != nil {
			return domain.KeySpec{}, domain.InvalidField("expires_at", "must be a valid time")
		}
		spec.ExpiresAt = at.AsTime()
	}
	return spec, nil
}

func keyToProto(key domain.Key) *playbookv1.Key {
	message := &playbookv1.Key{
		Id:         key.ID,
		Name:       key.Name,
		CreatedAt:  timestamppb.New(key.CreatedAt),
		ExpiresAt:  timeToProto(key.ExpiresAt),
		LastUsedAt: timeToProto(key.LastUsedAt),
		RevokedAt:  timeToProto(key.RevokedAt),
	}
	for _, scope := range key.Scopes {
		message.Scopes = append(message.Scopes, scopeToProto(scope))
	}
	return message
}

// timeToProto returns nil for a time that is not there.
func timeToProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// scopeFromProto returns an empty scope, which the domain refuses, for one that it
// does not know.
func scopeFromProto(scope playbookv1.Scope) domain.Scope {
	switch scope {
	case playbookv1.Scope_SCOPE_READ:
		return domain.ScopeRead
	case playbookv1.Scope_SCOPE_WRITE:
		return domain.ScopeWrite
	default:
		return ""
	}
}

func scopeToProto(scope domain.Scope) playbookv1.Scope {
	switch scope {
	case domain.ScopeRead:
		return playbookv1.Scope_SCOPE_READ
	case domain.ScopeWrite:
		return playbookv1.Scope_SCOPE_WRITE
	default:
		return playbookv1.Scope_SCOPE_UNSPECIFIED
	}
}
