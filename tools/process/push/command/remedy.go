package command

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// remedy returns what to do about an error of the registry or the network, or nothing.
func remedy(err error) string {
	var (
		answer    *transport.Error
		name      *net.DNSError
		authority x509.UnknownAuthorityError
		network   *net.OpError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "stopped; run it again to go on"
	case errors.As(err, &answer) && answer.StatusCode == http.StatusUnauthorized:
		return "log in first: docker login REGISTRY"
	case errors.As(err, &answer) && answer.StatusCode == http.StatusForbidden:
		return "the account may not push there: check --repository, or log in with another account (docker login REGISTRY)"
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		return "the registry knows no such repository: check --repository, or create the repository first"
	case errors.As(err, &answer) && answer.StatusCode == http.StatusRequestEntityTooLarge:
		return "the registry, or a proxy before it, takes no upload of this size: raise its limit"
	case errors.As(err, &name):
		return "check the host in --repository"
	case errors.As(err, &authority):
		return "this machine does not trust the registry's certificate: add its authority to the system's"
	case errors.As(err, &network):
		return "check that the registry runs and can be reached from here"
	}
	return ""
}
