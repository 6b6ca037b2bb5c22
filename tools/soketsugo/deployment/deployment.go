// Package deployment tells what each process would deploy.
package deployment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/tools/bazel"
	"github.com/soketsugo/soketsugo/tools/deploy/lock"
	"github.com/soketsugo/soketsugo/tools/deploy/manifest"
)

// A Deployment is what a process would deploy.
type Deployment struct {
	// Image is the digest of its image.
	Image string
	// Manifests are the digests of its rendered manifests, by environment.
	Manifests map[string]string
	// Job says that the process ends by itself, and that servers wait for that.
	Job bool
}

// A Builder builds the deployments of one checkout.
type Builder struct {
	server  *bazel.Server
	outputs []output
}

// output is one part of a deployment.
type output struct {
	process string
	// environment is empty for the image.
	environment string
	bazel.Output
}

// Environments lists the environments of a checkout.
func Environments(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(lock.Folder), "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing the environments: %w", err)
	}
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".yaml"))
	}
	return names, nil
}

// NewBuilder finds out what there is to build.
func NewBuilder(ctx context.Context, server *bazel.Server, environments []string) (*Builder, error) {
	names := []string{`image\.digest`}
	for _, environment := range environments {
		names = append(names, regexp.QuoteMeta(environment))
	}
	found, err := server.Outputs(ctx, fmt.Sprintf(`filter("^//services/.*:(%s)$", //services/...)`, strings.Join(names, "|")))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("looking for images: no target //services/...:image.digest")
	}
	b := &Builder{server: server}
	for _, target := range found {
		place, name, _ := strings.Cut(strings.TrimPrefix(target.Label, "//services/"), ":")
		if !slices.Contains(environments, name) {
			// The alias of the digest stands for that of an architecture or of the index.
			name = ""
		}
		b.outputs = append(b.outputs, output{process: place, environment: name, Output: target})
	}
	return b, nil
}

// Label returns the label of what a process has for an environment, or of its
// image's digest for none.
func (b *Builder) Label(process, environment string) string {
	for _, output := range b.outputs {
		if output.process == process && output.environment == environment {
			return output.Label
		}
	}
	return ""
}

// Labels returns the labels of what each process deploys.
func (b *Builder) Labels() map[string][]string {
	labels := map[string][]string{}
	for _, output := range b.outputs {
		labels[output.process] = append(labels[output.process], output.Label)
	}
	return labels
}

// Build builds the deployments of all processes, by process, such as
// "playbook/rest".
func (b *Builder) Build(ctx context.Context) (map[string]Deployment, error) {
	var targets []bazel.Output
	for _, output := range b.outputs {
		targets = append(targets, output.Output)
	}
	if err := b.server.Build(ctx, targets); err != nil {
		return nil, err
	}
	deployments := map[string]Deployment{}
	for _, output := range b.outputs {
		content, err := os.ReadFile(output.File)
		if err != nil {
			return nil, fmt.Errorf("reading what was built for %s: %w", output.process, err)
		}
		deployment := deployments[output.process]
		if output.environment == "" {
			deployment.Image = strings.TrimSpace(string(content))
		} else {
			if deployment.Manifests == nil {
				deployment.Manifests = map[string]string{}
			}
			deployment.Manifests[output.environment] = manifest.Digest(content)
			deployment.Job = manifest.IsJob(content)
		}
		deployments[output.process] = deployment
	}
	return deployments, nil
}
