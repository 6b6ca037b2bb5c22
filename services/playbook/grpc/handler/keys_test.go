package handler_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func connectKeys(t *testing.T) (playbookv1.KeyServiceClient, *usecase.Service) {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	service := usecase.New(store, func() time.Time { return epoch }, func() string { return missing })
	return playbookv1.NewKeyServiceClient(serve(t, store)), service
}

// A key is made, its token works until the key is revoked, and lists show the key
// but never the token.
func TestKeys(t *testing.T) {
	ctx := t.Context()
	keys, service := connectKeys(t)
	created, err := keys.CreateKey(ctx, &playbookv1.CreateKeyRequest{
		Name: "CRM ☎", Scopes: []playbookv1.Scope{playbookv1.Scope_SCOPE_WRITE, playbookv1.Scope_SCOPE_READ},
		ExpiresAt: timestamppb.New(epoch.Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &playbookv1.Key{
		Id: created.GetKey().GetId(), Name: "CRM ☎", Scopes: []playbookv1.Scope{playbookv1.Scope_SCOPE_READ, playbookv1.Scope_SCOPE_WRITE},
		CreatedAt: timestamppb.New(epoch), ExpiresAt: timestamppb.New(epoch.Add(time.Hour)),
	}
	if diff := cmp.Diff(want, created.GetKey(), protocmp.Transform()); diff != "" {
		t.Errorf("CreateKey (-want +got):\n%s", diff)
	}
	caller, err := service.Authenticate(ctx, created.GetToken())
	if err != nil || caller.Workspace != "acme" || caller.KeyID != want.GetId() {
		t.Errorf("the token is that of %v, %v", caller, err)
	}
	for range 2 {
		revoked, err := keys.RevokeKey(ctx, &playbookv1.RevokeKeyRequest{Id: want.GetId()})
		if err != nil || !revoked.GetKey().GetRevokedAt().AsTime().Equal(epoch) {
			t.Errorf("RevokeKey: got %v, %v", revoked, err)
		}
	}
	if _, err := service.Authenticate(ctx, created.GetToken()); domain.KindOf(err) != domain.Unauthenticated {
		t.Errorf("the token of a revoked key: got %v", err)
	}
	want.LastUsedAt, want.RevokedAt = timestamppb.New(epoch), timestamppb.New(epoch)
	list, err := keys.ListKeys(ctx, &playbookv1.ListKeysRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&playbookv1.ListKeysResponse{Keys: []*playbookv1.Key{want}}, list, protocmp.Transform()); diff != "" {
		t.Errorf("ListKeys (-want +got):\n%s", diff)
	}
}

// Mistakes have their codes, and keys are those of a workspace.
func TestKeyMistakes(t *testing.T) {
	ctx := t.Context()
	keys, _ := connectKeys(t)
	good := []playbookv1.Scope{playbookv1.Scope_SCOPE_READ}
	created, err := keys.CreateKey(ctx, &playbookv1.CreateKeyRequest{Name: "n", Scopes: good})
	if err != nil {
		t.Fatal(err)
	}
	second := func(_ any, err error) error { return err }
	rival := metadata.AppendToOutgoingContext(ctx, "workspace", "rival")
	nowhere := metadata.AppendToOutgoingContext(ctx, "workspace", "")
	for _, test := range []struct {
		name string
		err  error
		want codes.Code
	}{
		{"no name", second(keys.CreateKey(ctx, &playbookv1.CreateKeyRequest{Scopes: good})), codes.InvalidArgument},
		{"no scope", second(keys.CreateKey(ctx, &playbookv1.CreateKeyRequest{Name: "n"})), codes.InvalidArgument},
		{"an unknown scope", second(keys.CreateKey(ctx, &playbookv1.CreateKeyRequest{Name: "n", Scopes: []playbookv1.Scope{7}})), codes.InvalidArgument},
		{"no time", second(keys.CreateKey(ctx, &playbookv1.CreateKeyRequest{Name: "n", Scopes: good, ExpiresAt: &timestamppb.Timestamp{Nanos: -1}})), codes.InvalidArgument},
		{"the past", second(keys.CreateKey(ctx, &playbookv1.CreateKeyRequest{Name: "n", Scopes: good, ExpiresAt: timestamppb.New(epoch)})), codes.InvalidArgument},
		{"a bad ID", second(keys.RevokeKey(ctx, &playbookv1.RevokeKeyRequest{Id: "x"})), codes.InvalidArgument},
		{"an unknown ID", second(keys.RevokeKey(ctx, &playbookv1.RevokeKeyRequest{Id: missing})), codes.NotFound},
		{"a key of another workspace", second(keys.RevokeKey(rival, &playbookv1.RevokeKeyRequest{Id: created.GetKey().GetId()})), codes.NotFound},
		{"a bad page", second(keys.ListKeys(ctx, &playbookv1.ListKeysRequest{PageSize: -1})), codes.InvalidArgument},
		{"creating without a workspace", second(keys.CreateKey(nowhere, &playbookv1.CreateKeyRequest{Name: "n", Scopes: good})), codes.InvalidArgument},
		{"listing without a workspace", second(keys.ListKeys(nowhere, &playbookv1.ListKeysRequest{})), codes.InvalidArgument},
		{"revoking without a workspace", second(keys.RevokeKey(nowhere, &playbookv1.RevokeKeyRequest{Id: missing})), codes.InvalidArgument},
	} {
		if got := status.Code(test.err); got != test.want {
			t.Errorf("%s: got %v (%v), want %v", test.name, got, test.err, test.want)
		}
	}
	list, err := keys.ListKeys(rival, &playbookv1.ListKeysRequest{})
	if err != nil || len(list.GetKeys()) > 0 {
		t.Errorf("another workspace has the keys %v, %v", list, err)
	}
}
