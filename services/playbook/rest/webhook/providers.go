package webhook

import (
	"errors"
	"fmt"
	"strings"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
)

const (
	// maxSecrets is how many secrets a provider can have: the old one and the new
	// one while it is changed.
	maxSecrets = 2
	// minSecretLength is in bytes. What is shorter can be guessed.
	minSecretLength = 16
)

// provider is somebody who tells of events in a workspace.
type provider struct {
	workspace domain.Workspace
	secrets   [maxSecrets]string
}

// Providers are those who may tell of events, by name.
type Providers map[string]provider

// ParseProviders reads provider:workspace:secret,… A provider can be there twice,
// with two secrets for one workspace. A secret may hold colons, but no comma. Errors
// hold no secret.
func ParseProviders(text config.Secret) (Providers, error) {
	providers := Providers{}
	if text == "" {
		return providers, nil
	}
	for i, entry := range strings.Split(string(text), ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(entry), ":")
		workspace, secret, complete := strings.Cut(rest, ":")
		if !complete {
			return nil, fmt.Errorf("entry %d is not provider:workspace:secret", i+1)
		}
		if err := providers.add(name, domain.Workspace(workspace), secret); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
	}
	return providers, nil
}

func (p Providers) add(name string, workspace domain.Workspace, secret string) error {
	// The name is a part of an address, as that of a workspace is.
	if domain.CheckWorkspace("provider", domain.Workspace(name)) != nil {
		return errors.New("the provider must have 1 to 63 of the characters a-z, 0-9 and -, with no - at either end")
	}
	if domain.CheckWorkspace("workspace", workspace) != nil {
		return errors.New("the workspace must have 1 to 63 of the characters a-z, 0-9 and -, with no - at either end")
	}
	if len(secret) < minSecretLength {
		return fmt.Errorf("the secret must have at least %d bytes", minSecretLength)
	}
	known, again := p[name]
	switch {
	case !again:
		p[name] = provider{workspace, [maxSecrets]string{secret}}
	case known.workspace != workspace:
		return errors.New("the provider has another workspace already")
	case known.secrets[1] != "":
		return fmt.Errorf("the provider has %d secrets already", maxSecrets)
	default:
		known.secrets[1] = secret
		p[name] = known
	}
	return nil
}
