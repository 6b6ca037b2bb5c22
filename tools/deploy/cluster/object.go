package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// An Object is what a deploy reads of an object in the cluster.
type Object struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`
	Status     Status   `json:"status"`
}

// Metadata is what every object has.
type Metadata struct {
	Name            string            `json:"name"`
	UID             string            `json:"uid"`
	ResourceVersion string            `json:"resourceVersion"`
	Generation      int64             `json:"generation"`
	Created         time.Time         `json:"creationTimestamp"`
	Labels          map[string]string `json:"labels"`
}

// Spec is what was asked for, of a Deployment, a Job and a
// HorizontalPodAutoscaler.
type Spec struct {
	Replicas *int32 `json:"replicas"`
	Selector any    `json:"selector"`
	// Template is that of the pods.
	Template    any    `json:"template"`
	MinReplicas *int32 `json:"minReplicas"`
	Target      struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Name       string `json:"name"`
	} `json:"scaleTargetRef"`
}

// Status is the state of a Deployment, a Job or a pod.
type Status struct {
	ObservedGeneration int64       `json:"observedGeneration"`
	Replicas           int32       `json:"replicas"`
	UpdatedReplicas    int32       `json:"updatedReplicas"`
	AvailableReplicas  int32       `json:"availableReplicas"`
	Active             int32       `json:"active"`
	Failed             int32       `json:"failed"`
	Conditions         []Condition `json:"conditions"`
	Phase              string      `json:"phase"`
	Containers         []Container `json:"containerStatuses"`
}

// A Condition is one thing that the cluster says of an object.
type Condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// A Container is the state of one container of a pod.
type Container struct {
	Name         string `json:"name"`
	Ready        bool   `json:"ready"`
	RestartCount int32  `json:"restartCount"`
	State        struct {
		Waiting    *Stopped  `json:"waiting"`
		Running    *struct{} `json:"running"`
		Terminated *Stopped  `json:"terminated"`
	} `json:"state"`
}

// Stopped is why a container does not run.
type Stopped struct {
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	ExitCode int32  `json:"exitCode"`
}

// An Event is something that happened to an object.
type Event struct {
	Type     string    `json:"type"`
	Reason   string    `json:"reason"`
	Message  string    `json:"message"`
	Count    int32     `json:"count"`
	Last     time.Time `json:"lastTimestamp"`
	Time     time.Time `json:"eventTime"`
	Involved struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
		UID  string `json:"uid"`
	} `json:"involvedObject"`
}

// When is the last time that the event happened; which field has it depends on
// who reported it.
func (e Event) When() time.Time {
	if e.Last.IsZero() {
		return e.Time
	}
	return e.Last
}

// Resource returns what kubectl calls the object.
func (o Object) Resource() string {
	resource := strings.ToLower(o.Kind)
	if group, _, ok := strings.Cut(o.APIVersion, "/"); ok {
		resource += "." + group
	}
	return resource + "/" + o.Metadata.Name
}

// Selector returns the labels of the object's pods.
func (o Object) Selector() map[string]string {
	labels := map[string]string{}
	fields, _ := o.Spec.Selector.(map[string]any)
	match, _ := fields["matchLabels"].(map[string]any)
	for key, value := range match {
		if text, ok := value.(string); ok {
			labels[key] = text
		}
	}
	return labels
}

// SamePods tells whether two objects have the same pod template. A field that is
// null counts as none: API servers of different versions write it or do not.
func (o Object) SamePods(other Object) bool {
	return reflect.DeepEqual(withoutNulls(o.Spec.Template), withoutNulls(other.Spec.Template))
}

func withoutNulls(value any) any {
	switch value := value.(type) {
	case []any:
		kept := make([]any, len(value))
		for i, element := range value {
			kept[i] = withoutNulls(element)
		}
		return kept
	case map[string]any:
		kept := map[string]any{}
		for key, field := range value {
			if field != nil {
				kept[key] = withoutNulls(field)
			}
		}
		return kept
	}
	return value
}

// Ready tells whether all containers of a pod are, and there are some.
func (o Object) Ready() bool {
	return len(o.Status.Containers) > 0 && !slices.ContainsFunc(o.Status.Containers, func(c Container) bool { return !c.Ready })
}

// condition returns what is said of one type, if it holds.
func (o Object) condition(kind, status string) (Condition, bool) {
	for _, c := range o.Status.Conditions {
		if c.Type == kind && c.Status == status {
			return c, true
		}
	}
	return Condition{}, false
}

// decode reads objects as kubectl prints them: one, or a list, or one behind the
// other, or nothing.
func decode(output []byte) ([]Object, error) {
	var objects []Object
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var found struct {
			Object
			Items []Object `json:"items"`
		}
		switch err := decoder.Decode(&found); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("reading what kubectl printed: %w", err)
		case found.Kind == "List":
			objects = append(objects, found.Items...)
		default:
			objects = append(objects, found.Object)
		}
	}
}

func selector(labels map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, key+"="+labels[key])
	}
	return strings.Join(parts, ",")
}
