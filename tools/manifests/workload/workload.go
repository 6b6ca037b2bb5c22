// Package workload is what a process's BUILD file says about how it runs in
// Kubernetes.
package workload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Kinds of processes.
const (
	GRPC    = "grpc"
	REST    = "rest"
	Worker  = "worker"
	Migrate = "migrate"
)

// Workload is one process.
type Workload struct {
	// Service and Process are the folders that the process is in.
	Service string `json:"service"`
	Process string `json:"process"`
	Kind    string `json:"kind"`
	// Replicas of a server; without autoscaling where both are the same.
	Replicas  Replicas  `json:"replicas"`
	Resources Resources `json:"resources"`
	// Env sets what is not secret.
	Env map[string]string `json:"env"`
	// Secrets maps a variable to SECRET/KEY, or SECRET/KEY? where there may be none.
	Secrets map[string]string `json:"secrets"`
	// Public says that the world outside the cluster gets in.
	Public bool `json:"public"`
	// Deadline is how long all attempts of a migrate process may take.
	Deadline string `json:"deadline"`
}

// Replicas are the bounds of the number of replicas.
type Replicas struct {
	Min int32 `json:"min,omitempty"`
	Max int32 `json:"max,omitempty"`
}

// Resources are what a container asks for and what it gets at most, as
// Kubernetes writes quantities.
type Resources struct {
	CPU         string `json:"cpu,omitempty"`
	Memory      string `json:"memory,omitempty"`
	CPULimit    string `json:"cpuLimit,omitempty"`
	MemoryLimit string `json:"memoryLimit,omitempty"`
}

// nameLength leaves room for what is appended to the name of a workload: a
// ConfigMap's and a Job's hash, a Deployment's and a pod's.
const nameLength = 63 - len("-0123456789-01234")

// Parse reads what the macro wrote.
func Parse(content []byte) (Workload, error) {
	var w Workload
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&w); err != nil {
		return Workload{}, fmt.Errorf("reading the declaration of a process: %w", err)
	}
	if err := w.check(); err != nil {
		return Workload{}, err
	}
	return w, nil
}

// Name is that of the image's repository and of the objects.
func (w Workload) Name() string { return w.Service + "-" + w.Process }

// Path names the process in environments and folders.
func (w Workload) Path() string { return w.Service + "/" + w.Process }

// IsJob tells whether the process ends by itself.
func (w Workload) IsJob() bool { return w.Kind == Migrate }

// Timeout is Deadline.
func (w Workload) Timeout() time.Duration {
	// check has made sure that it is one.
	timeout, _ := time.ParseDuration(w.Deadline)
	return timeout
}

func (w Workload) check() error {
	name := w.Name()
	switch {
	case len(name) > nameLength:
		return fmt.Errorf("the name %q has %d characters; take %d at most, because Kubernetes appends to it and takes 63", name, len(name), nameLength)
	case len(validation.IsDNS1035Label(name)) > 0:
		return fmt.Errorf("the name %q: take lower-case letters, digits and '-' between them, and a letter first", name)
	case !slices.Contains([]string{GRPC, REST, Worker, Migrate}, w.Kind):
		return fmt.Errorf("kind = %q: take grpc, rest, worker or migrate", w.Kind)
	case w.Public && w.Kind != REST:
		return fmt.Errorf("public = True: only a process of kind rest can be; Ingress and HTTPRoute speak HTTP")
	}
	if err := w.Resources.Check(); err != nil {
		return err
	}
	if w.IsJob() {
		if timeout, err := time.ParseDuration(w.Deadline); err != nil || timeout < time.Second {
			return fmt.Errorf("deadline = %q: take a duration such as \"1h\"", w.Deadline)
		}
	} else if err := w.Replicas.Check(); err != nil {
		return err
	}
	if err := CheckEnv(w.Env); err != nil {
		return err
	}
	for _, variable := range slices.Sorted(maps.Keys(w.Secrets)) {
		if _, both := w.Env[variable]; both {
			return fmt.Errorf("%s is in both env and secrets: take one", variable)
		}
		if _, err := SecretRef(w.Secrets[variable]); err != nil {
			return fmt.Errorf("secrets: %s: %w", variable, err)
		}
	}
	return nil
}

// SecretKey is what holds the value of a secret variable.
type SecretKey struct {
	Secret, Key string
	// Optional says that the process starts without it.
	Optional bool
}

// SecretRef reads SECRET/KEY, and SECRET/KEY? for one that is optional.
func SecretRef(reference string) (SecretKey, error) {
	path, optional := strings.CutSuffix(reference, "?")
	secret, key, _ := strings.Cut(path, "/")
	if len(validation.IsDNS1123Subdomain(secret)) > 0 || len(validation.IsConfigMapKey(key)) > 0 {
		return SecretKey{}, fmt.Errorf("the reference is %q: take SECRET/KEY, such as \"playbook-database/url\"", reference)
	}
	return SecretKey{Secret: secret, Key: key, Optional: optional}, nil
}

var variable = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// CheckEnv says what is wrong with names and values of variables.
func CheckEnv(env map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		switch value := env[name]; {
		case !variable.MatchString(name):
			return fmt.Errorf("env: the name %q: take capital letters, digits and '_'", name)
		case strings.ContainsAny(value, "\n\r"):
			return fmt.Errorf("env: %s is %q: take one line", name, value)
		}
	}
	return nil
}

// Check says what is wrong with the numbers.
func (r Replicas) Check() error {
	if r.Min < 1 || r.Max < r.Min || r.Max > 1000 {
		return fmt.Errorf("replicas from %d to %d: take at least 1, at most 1000, and the larger number second", r.Min, r.Max)
	}
	return nil
}

// Over returns r with what other sets.
func (r Replicas) Over(other Replicas) Replicas {
	if other.Min != 0 {
		r.Min = other.Min
	}
	if other.Max != 0 {
		r.Max = other.Max
	}
	return r
}

// Over returns r with what other sets.
func (r Resources) Over(other Resources) Resources {
	set := func(field *string, value string) {
		if value != "" {
			*field = value
		}
	}
	set(&r.CPU, other.CPU)
	set(&r.Memory, other.Memory)
	set(&r.CPULimit, other.CPULimit)
	set(&r.MemoryLimit, other.MemoryLimit)
	return r
}

// Check says what is wrong with the quantities.
func (r Resources) Check() error {
	parse := func(field, text string) (resource.Quantity, error) {
		quantity, err := resource.ParseQuantity(text)
		if err != nil || quantity.Sign() <= 0 {
			return quantity, fmt.Errorf("%s = %q is no quantity: take one such as \"250m\" or \"64Mi\"", field, text)
		}
		return quantity, nil
	}
	for _, pair := range []struct{ name, request, limit string }{
		{"cpu", r.CPU, r.CPULimit}, {"memory", r.Memory, r.MemoryLimit},
	} {
		request, err := parse(pair.name, pair.request)
		if err != nil {
			return err
		}
		limit, err := parse(pair.name+"_limit", pair.limit)
		if err != nil {
			return err
		}
		if limit.Cmp(request) < 0 {
			return fmt.Errorf("%s_limit = %q is less than %s = %q", pair.name, pair.limit, pair.name, pair.request)
		}
	}
	return nil
}
