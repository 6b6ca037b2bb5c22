package objects

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// newObject returns an empty object of a kind that a process can have.
func newObject(kind metav1.TypeMeta) (Object, error) {
	switch (metav1.TypeMeta{APIVersion: kind.APIVersion, Kind: kind.Kind}) {
	case metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}:
		return &core.ConfigMap{}, nil
	case metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}:
		return &core.ServiceAccount{}, nil
	case metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}:
		return &core.Service{}, nil
	case metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}:
		return &apps.Deployment{}, nil
	case metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}:
		return &batch.Job{}, nil
	case metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}:
		return &policy.PodDisruptionBudget{}, nil
	case metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"}:
		return &autoscaling.HorizontalPodAutoscaler{}, nil
	case metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}:
		return &networking.NetworkPolicy{}, nil
	case metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "Ingress"}:
		return &networking.Ingress{}, nil
	case metav1.TypeMeta{APIVersion: "gateway.networking.k8s.io/v1", Kind: "HTTPRoute"}:
		return &gateway.HTTPRoute{}, nil
	}
	return nil, fmt.Errorf("no process has a %s of %s", kind.Kind, kind.APIVersion)
}

// Decode reads rendered manifests. A field that the typed API does not have, or
// has twice, is an error.
func Decode(content []byte) ([]Object, error) {
	var objects []Object
	reader := documents.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading manifests: %w", err)
		}
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return nil, fmt.Errorf("reading a manifest: %w", err)
		}
		object, err := newObject(kind)
		if err != nil {
			return nil, err
		}
		if err := yaml.UnmarshalStrict(document, object); err != nil {
			return nil, fmt.Errorf("reading a %s: %w", kind.Kind, err)
		}
		objects = append(objects, object)
	}
}

// Pod returns the template of the pods that an object makes, or nil.
func Pod(object Object) *core.PodTemplateSpec {
	switch object := object.(type) {
	case *apps.Deployment:
		return &object.Spec.Template
	case *batch.Job:
		return &object.Spec.Template
	}
	return nil
}
