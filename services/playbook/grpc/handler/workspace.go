package handler

import (
	"context"
	"net/url"
	"slices"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

const (
	// workspaceKey is the metadata key of the workspace that a request is about.
	workspaceKey = "workspace"
	// workspaceScheme is that of the URIs in a client's certificate which name the
	// workspaces that it may act for: workspace:acme, or workspace:* for all.
	workspaceScheme = "workspace"
	anyWorkspace    = "*"
)

// workspaceOf returns the workspace that a request is about. Fails with Invalid
// when the metadata does not name one, and with Forbidden when the caller may not
// act for it. Without TLS nothing is known of the caller, which may act for all.
func workspaceOf(ctx context.Context) (domain.Workspace, error) {
	values := metadata.ValueFromIncomingContext(ctx, workspaceKey)
	if len(values) != 1 {
		return "", domain.InvalidField(workspaceKey, "must be in the metadata, once")
	}
	workspace := domain.Workspace(values[0])
	if err := domain.CheckWorkspace(workspaceKey, workspace); err != nil {
		return "", err
	}
	caller, known := peer.FromContext(ctx)
	if !known {
		return workspace, nil
	}
	if secured, ok := caller.AuthInfo.(credentials.TLSInfo); ok && !mayActFor(secured, workspace) {
		return "", domain.Errorf(domain.Forbidden, "the client's certificate does not name workspace:%s", workspace).
			With("workspace", string(workspace))
	}
	return workspace, nil
}

// mayActFor says whether the certificate that a client has shown names a
// workspace. The server has verified it.
func mayActFor(secured credentials.TLSInfo, workspace domain.Workspace) bool {
	shown := secured.State.PeerCertificates
	return len(shown) > 0 && slices.ContainsFunc(shown[0].URIs, func(uri *url.URL) bool {
		return uri.Scheme == workspaceScheme && (uri.Opaque == string(workspace) || uri.Opaque == anyWorkspace)
	})
}
