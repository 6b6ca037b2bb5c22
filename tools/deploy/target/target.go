// Package target reads from an environment's file what a deploy needs of it.
package target

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// A Target is the environment to deploy to.
type Target struct {
	// Name is that of its file.
	Name string `json:"-"`
	// Contexts are those of a kubeconfig that commands may use.
	Contexts []string `json:"contexts"`
	// Confirm makes commands ask before they change anything.
	Confirm bool `json:"confirm"`
	// Namespace holds all objects.
	Namespace string `json:"namespace"`
	// Registry is what comes before an image's own name.
	Registry string `json:"registry"`
}

// Read reads the file of an environment.
func Read(path string) (Target, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Target{}, fmt.Errorf("reading the environment: %w", err)
	}
	t := Target{Name: strings.TrimSuffix(filepath.Base(path), ".yaml")}
	if err := yaml.Unmarshal(content, &t); err != nil {
		return Target{}, fmt.Errorf("reading the environment %s: %w", t.Name, err)
	}
	return t, nil
}
