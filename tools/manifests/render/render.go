// Package render makes what is applied of a tree of manifests: one file, with
// the digest of the image.
package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/soketsugo/soketsugo/tools/manifests/environment"
	"github.com/soketsugo/soketsugo/tools/manifests/objects"
	"github.com/soketsugo/soketsugo/tools/manifests/tree"
)

// Options say what to render.
type Options struct {
	// Name is the process's, such as "playbook-grpc".
	Name        string
	Environment environment.Environment
	// Component is added where the tree has it; none if empty.
	Component string
	// Digest is that of the image.
	Digest string
}

var digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Render returns the objects of a process, as YAML, from its tree: content by
// path. The same input gives the same bytes.
func Render(files map[string][]byte, o Options) ([]byte, error) {
	if !digest.MatchString(o.Digest) {
		return nil, fmt.Errorf("the digest of the image is %q: want sha256: and 64 hexadecimal digits", o.Digest)
	}
	overlay := tree.Overlay(o.Environment.Name)
	if files[path.Join(overlay, "kustomization.yaml")] == nil {
		return nil, fmt.Errorf("there is no environment %q in the manifests of %s", o.Environment.Name, o.Name)
	}
	made, err := build(files, overlay, o)
	if err != nil {
		return nil, fmt.Errorf("rendering %s in %s: %w", o.Name, o.Environment.Name, err)
	}
	// With a component somebody else replaces what cannot be changed, by its name.
	if o.Component == "" {
		for _, object := range made.Resources() {
			if object.GetKind() != "Job" {
				continue
			}
			if err := nameJob(object); err != nil {
				return nil, fmt.Errorf("rendering %s in %s: %w", o.Name, o.Environment.Name, err)
			}
		}
	}
	content, err := made.AsYaml()
	if err == nil {
		err = check(content, o)
	}
	if err != nil {
		return nil, fmt.Errorf("rendering %s in %s: %w", o.Name, o.Environment.Name, err)
	}
	return content, nil
}

// build runs kustomize in memory.
func build(files map[string][]byte, overlay string, o Options) (resmap.ResMap, error) {
	const top = "/top"
	folder := filesys.MakeFsInMemory()
	for name, content := range files {
		if err := folder.WriteFile(path.Join("/tree", name), content); err != nil {
			return nil, fmt.Errorf("laying out %s: %w", name, err)
		}
	}
	k := types.Kustomization{
		TypeMeta:  types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: types.KustomizationKind},
		Resources: []string{path.Join("../tree", overlay)},
		Images:    []types.Image{{Name: o.Environment.Registry + "/" + o.Name, Digest: o.Digest}},
		// Only what is built says in which order, not what it builds on.
		SortOptions: tree.Order(),
	}
	if component := tree.Component(o.Component); o.Component != "" && files[path.Join(component, "kustomization.yaml")] != nil {
		k.Components = []string{path.Join("../tree", component)}
	}
	content, err := yaml.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("writing a kustomization: %w", err)
	}
	if err := folder.WriteFile(path.Join(top, "kustomization.yaml"), content); err != nil {
		return nil, fmt.Errorf("writing a kustomization: %w", err)
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	return krusty.MakeKustomizer(options).Run(folder, top)
}

// check makes sure of what must hold of everything that is applied.
func check(content []byte, o Options) error {
	all, err := objects.Decode(content)
	if err != nil {
		return err
	}
	for _, object := range all {
		kind := object.GetObjectKind().GroupVersionKind().Kind
		switch {
		case object.GetLabels()[objects.NameLabel] != o.Name:
			return fmt.Errorf("the %s %s is not labelled as one of %s", kind, object.GetName(), o.Name)
		case object.GetNamespace() != o.Environment.Namespace:
			return fmt.Errorf("the %s %s is in namespace %q", kind, object.GetName(), object.GetNamespace())
		}
		pod := objects.Pod(object)
		if pod == nil {
			continue
		}
		for _, container := range pod.Spec.Containers {
			if want := o.Environment.Registry + "/" + o.Name + "@" + o.Digest; container.Image != want {
				return fmt.Errorf("the image of the %s is %q, want %q", kind, container.Image, want)
			}
		}
	}
	return nil
}

// hashLength is enough that two contents of one Job never meet.
const hashLength = 10

// nameJob gives the Job a name of its own for each content, the image and with it
// the migrations included. Its template cannot be changed once it is there: what
// is the same is applied again to no effect, and what is not is another Job.
func nameJob(object *resource.Resource) error {
	content, err := object.AsYAML()
	if err != nil {
		return fmt.Errorf("reading the Job: %w", err)
	}
	sum := sha256.Sum256(content)
	parts := []string{object.GetName(), hex.EncodeToString(sum[:])[:hashLength]}
	if schema := object.GetAnnotations()[objects.SchemaBrings]; schema != "" {
		parts = slices.Insert(parts, 1, "v"+schema)
	}
	name := strings.Join(parts, "-")
	if len(name) > 63 {
		return fmt.Errorf("the name %q has %d characters; 63 is the most", name, len(name))
	}
	object.SetName(name)
	return nil
}
