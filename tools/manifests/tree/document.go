package tree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	"github.com/soketsugo/soketsugo/tools/manifests/objects"
)

// toMap returns what is set of an object. The typed structs also write a status
// and times, which are the cluster's.
func toMap(object any) (map[string]any, error) {
	content, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("writing an object: %w", err)
	}
	var document map[string]any
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("reading an object back: %w", err)
	}
	delete(document, "status")
	dropNulls(document)
	return document, nil
}

func dropNulls(value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, element := range value {
			if element == nil {
				delete(value, key)
				continue
			}
			dropNulls(element)
		}
	case []any:
		for _, element := range value {
			dropNulls(element)
		}
	}
}

func toYAML(document any) ([]byte, error) {
	content, err := yaml.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return content, nil
}

// patch is what an environment changes about an object.
type patch struct {
	object   objects.Object
	document map[string]any
	// isNew is set where the base has no such object, and document is all of it.
	isNew bool
}

// compare returns what leads from the objects of the base to others.
func compare(base, own []objects.Object) ([]patch, error) {
	var patches []patch
	for _, object := range own {
		document, err := toMap(object)
		if err != nil {
			return nil, err
		}
		old := find(base, object)
		if old == nil {
			patches = append(patches, patch{object, document, true})
			continue
		}
		oldDocument, err := toMap(old)
		if err != nil {
			return nil, err
		}
		if reflect.DeepEqual(oldDocument, document) {
			continue
		}
		change, err := difference(object, oldDocument, document)
		if err != nil {
			return nil, fmt.Errorf("comparing %s %s: %w", document["kind"], object.GetName(), err)
		}
		patches = append(patches, patch{object: object, document: identify(object, change)})
	}
	for _, object := range base {
		if find(own, object) == nil {
			patches = append(patches, patch{object: object, document: identify(object, map[string]any{"$patch": "delete"})})
		}
	}
	return patches, nil
}

func find(all []objects.Object, like objects.Object) objects.Object {
	for _, object := range all {
		if object.GetObjectKind().GroupVersionKind() == like.GetObjectKind().GroupVersionKind() && object.GetName() == like.GetName() {
			return object
		}
	}
	return nil
}

// difference returns a strategic merge patch.
func difference(object objects.Object, from, to map[string]any) (map[string]any, error) {
	old, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	modified, err := json.Marshal(to)
	if err != nil {
		return nil, err
	}
	content, err := strategicpatch.CreateTwoWayMergePatch(old, modified, object)
	if err != nil {
		return nil, err
	}
	var change map[string]any
	if err := json.Unmarshal(content, &change); err != nil {
		return nil, err
	}
	dropDirectives(change)
	completePorts(change)
	return change, nil
}

// dropDirectives removes what kustomize does not know and does not need: the
// order of lists, and which members of a union stay.
func dropDirectives(value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, element := range value {
			if key == "$retainKeys" || strings.HasPrefix(key, "$setElementOrder/") {
				delete(value, key)
				continue
			}
			dropDirectives(element)
		}
	case []any:
		for _, element := range value {
			dropDirectives(element)
		}
	}
}

// completePorts adds the protocol, by which kustomize, unlike Kubernetes' own
// patches, finds a port as well as by its number.
func completePorts(value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, element := range value {
			if ports, ok := element.([]any); ok && key == "ports" {
				for _, port := range ports {
					if port, ok := port.(map[string]any); ok && port["protocol"] == nil {
						port["protocol"] = "TCP"
					}
				}
			}
			completePorts(element)
		}
	case []any:
		for _, element := range value {
			completePorts(element)
		}
	}
}

// identify adds what tells which object a patch is for.
func identify(object objects.Object, change map[string]any) map[string]any {
	change["apiVersion"], change["kind"] = object.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	metadata, ok := change["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
	}
	metadata["name"] = object.GetName()
	change["metadata"] = metadata
	return change
}
