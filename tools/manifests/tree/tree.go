// Package tree lays out the manifests of a process as kustomize reads them: a
// base, an overlay for each environment that holds only what differs, and
// components for who applies them.
package tree

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/soketsugo/soketsugo/tools/manifests/environment"
	"github.com/soketsugo/soketsugo/tools/manifests/objects"
	"github.com/soketsugo/soketsugo/tools/manifests/settings"
	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

const (
	// Base is the folder of what all environments have in common.
	Base = "base"
	// ArgoCD and Flux are components.
	ArgoCD = "argocd"
	Flux   = "flux"

	kustomization = "kustomization.yaml"
	configFile    = "config.env"
)

// Overlay is the folder of an environment.
func Overlay(environment string) string { return path.Join("overlays", environment) }

// Component is the folder of a component.
func Component(name string) string { return path.Join("components", name) }

// Order puts first what others need: who applies the objects in their order starts
// no pod before its account, its settings and its network policy are there, and
// lets nobody in before there are pods.
func Order() *types.SortOptions {
	return &types.SortOptions{
		Order: types.LegacySortOrder,
		LegacySortOptions: &types.LegacySortOptions{
			OrderFirst: []string{"ServiceAccount", "ConfigMap", "NetworkPolicy", "Service", "Deployment", "Job"},
			OrderLast:  []string{"HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "HTTPRoute"},
		},
	}
}

// Ask returns what the process's binary answers when it is given these
// variables.
type Ask func(ctx context.Context, env map[string]string, secrets []string) (settings.Settings, error)

// Files returns the whole tree: content by path.
func Files(ctx context.Context, w workload.Workload, environments []environment.Environment, ask Ask) (map[string][]byte, error) {
	base, err := render(ctx, w, environment.None(), ask)
	if err != nil {
		return nil, err
	}
	files := folder{w: w, files: map[string][]byte{}}
	if err := files.base(base); err != nil {
		return nil, err
	}
	for _, e := range environments {
		own, err := render(ctx, w, e, ask)
		if err != nil {
			return nil, fmt.Errorf("environment %s: %w", e.Name, err)
		}
		if err := files.overlay(base, own); err != nil {
			return nil, fmt.Errorf("environment %s: %w", e.Name, err)
		}
	}
	if err := files.components(); err != nil {
		return nil, err
	}
	return files.files, nil
}

// rendered is a process in an environment, or in none.
type rendered struct {
	spec    objects.Spec
	objects []objects.Object
}

func render(ctx context.Context, w workload.Workload, e environment.Environment, ask Ask) (rendered, error) {
	spec, err := objects.Of(w, e)
	if err != nil {
		return rendered{}, err
	}
	answers, err := ask(ctx, spec.Env, slices.Sorted(maps.Keys(w.Secrets)))
	if err != nil {
		return rendered{}, err
	}
	made, err := objects.Objects(spec, answers)
	return rendered{spec, made}, err
}

// folder collects files.
type folder struct {
	w     workload.Workload
	files map[string][]byte
}

func (f *folder) base(r rendered) error {
	k := types.Kustomization{
		ConfigMapGenerator: []types.ConfigMapArgs{f.config("", r.spec)},
	}
	for _, object := range r.objects {
		document, err := toMap(object)
		if err != nil {
			return err
		}
		name := f.fileName(object)
		if err := f.add(path.Join(Base, name), document); err != nil {
			return err
		}
		k.Resources = append(k.Resources, name)
	}
	f.files[path.Join(Base, configFile)] = f.variables(r.spec.Env)
	return f.kustomization(Base, types.KustomizationKind, k)
}

func (f *folder) overlay(base, own rendered) error {
	e := own.spec.Environment
	dir := Overlay(e.Name)
	k := types.Kustomization{
		Namespace: e.Namespace,
		Resources: []string{"../../" + Base},
		Labels: []types.Label{{
			Pairs:            map[string]string{objects.InstanceLabel: f.w.Name() + "-" + e.Name},
			IncludeTemplates: true,
		}},
		Images:      []types.Image{{Name: f.w.Name(), NewName: e.Registry + "/" + f.w.Name()}},
		SortOptions: Order(),
	}
	differs := map[string]string{}
	for name, value := range own.spec.Env {
		if base.spec.Env[name] != value {
			differs[name] = value
		}
	}
	if len(differs) > 0 {
		f.files[path.Join(dir, configFile)] = f.variables(differs)
		k.ConfigMapGenerator = []types.ConfigMapArgs{f.config("merge", own.spec)}
	}
	patches, err := compare(base.objects, own.objects)
	if err != nil {
		return err
	}
	for _, p := range patches {
		name := f.fileName(p.object)
		if p.isNew {
			k.Resources = append(k.Resources, name)
		} else {
			k.Patches = append(k.Patches, types.Patch{Path: name})
		}
		if err := f.add(path.Join(dir, name), p.document); err != nil {
			return err
		}
	}
	return f.kustomization(dir, types.KustomizationKind, k)
}

// components are for tools that apply whole folders, and have words of their own
// for what comes first and what is replaced.
func (f *folder) components() error {
	const wave = "argocd.argoproj.io/sync-wave"
	if !f.w.IsJob() {
		// ConfigMaps, in wave 0, come first, then the schema.
		return f.component(ArgoCD, "apps/v1", "Deployment", map[string]string{wave: "2"}, nil)
	}
	err := f.component(ArgoCD, "batch/v1", "Job", map[string]string{
		"argocd.argoproj.io/hook":               "Sync",
		"argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
		wave:                                    "1",
		// A Job that vanishes by itself would look like one that is missing.
	}, map[string]any{"ttlSecondsAfterFinished": nil})
	if err != nil {
		return err
	}
	return f.component(Flux, "batch/v1", "Job", map[string]string{"kustomize.toolkit.fluxcd.io/force": "enabled"}, nil)
}

// component patches the object of a kind, of which there is one.
func (f *folder) component(name, version, kind string, annotations map[string]string, spec map[string]any) error {
	const file = "patch.yaml"
	dir := Component(name)
	patch := map[string]any{
		"apiVersion": version, "kind": kind,
		"metadata": map[string]any{"name": f.w.Name(), "annotations": annotations},
	}
	if spec != nil {
		patch["spec"] = spec
	}
	if err := f.add(path.Join(dir, file), patch); err != nil {
		return err
	}
	return f.kustomization(dir, types.ComponentKind, types.Kustomization{Patches: []types.Patch{{Path: file}}})
}

func (f *folder) config(behavior string, s objects.Spec) types.ConfigMapArgs {
	return types.ConfigMapArgs{GeneratorArgs: types.GeneratorArgs{
		Name: f.w.Name(), Behavior: behavior,
		KvPairSources: types.KvPairSources{EnvSources: []string{configFile}},
		Options:       configOptions(s),
	}}
}

// configOptions gives the ConfigMap the labels that every object has.
func configOptions(s objects.Spec) *types.GeneratorOptions {
	return &types.GeneratorOptions{Labels: map[string]string{
		objects.NameLabel: s.Name(), objects.ComponentLabel: s.Kind, objects.PartOfLabel: s.Service, objects.ManagedByLabel: objects.Manager,
	}}
}

// variables returns a file that kustomize makes a ConfigMap of.
func (f *folder) variables(env map[string]string) []byte {
	var text bytes.Buffer
	text.WriteString(f.header())
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&text, "%s=%s\n", name, env[name])
	}
	return text.Bytes()
}

func (f *folder) header() string {
	return fmt.Sprintf("# Generated by ./bazelw run //k8s:update from services/%s/BUILD.bazel; DO NOT EDIT.\n", f.w.Path())
}

func (f *folder) add(name string, document any) error {
	if _, exists := f.files[name]; exists {
		return fmt.Errorf("two objects would be in %s", name)
	}
	content, err := toYAML(document)
	if err != nil {
		return err
	}
	f.files[name] = append([]byte(f.header()), content...)
	return nil
}

func (f *folder) kustomization(dir, kind string, k types.Kustomization) error {
	k.TypeMeta = types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: kind}
	if kind == types.ComponentKind {
		k.APIVersion = types.ComponentVersion
	}
	document, err := toMap(k)
	if err != nil {
		return err
	}
	return f.add(path.Join(dir, kustomization), document)
}

// fileName is the kind, and what the name has beside the process's.
func (f *folder) fileName(object objects.Object) string {
	return strings.ToLower(object.GetObjectKind().GroupVersionKind().Kind) + strings.TrimPrefix(object.GetName(), f.w.Name()) + ".yaml"
}
