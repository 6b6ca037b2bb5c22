// Package apikey makes an API key for whoever tries the service.
package apikey

import (
	"context"
	"fmt"
	"time"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// Workspace is that of the key.
	Workspace = "default"
	// life is how long the key is valid: each start makes a new one.
	life    = 24 * time.Hour
	timeout = 10 * time.Second
)

// Create makes a key through the gRPC server at an address and returns its token.
func Create(ctx context.Context, grpcAddr string) (string, error) {
	conn, err := grpc.NewClient(grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return "", fmt.Errorf("connecting to %s: %w", grpcAddr, err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(ctx, "workspace", Workspace), timeout)
	defer cancel()
	created, err := playbookv1.NewKeyServiceClient(conn).CreateKey(ctx, &playbookv1.CreateKeyRequest{
		Name: "dev", Scopes: []playbookv1.Scope{playbookv1.Scope_SCOPE_READ, playbookv1.Scope_SCOPE_WRITE},
		ExpiresAt: timestamppb.New(time.Now().Add(life)),
	})
	if err != nil {
		return "", fmt.Errorf("making an API key: %w", err)
	}
	return created.GetToken(), nil
}
