// Package environment reads what differs from one environment to another:
// k8s/environments/<name>.yaml.
package environment

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

// Environment is one of them.
type Environment struct {
	// Name is that of its file.
	Name string `json:"-"`
	// Contexts are those of a kubeconfig that commands may use.
	Contexts []string `json:"contexts"`
	// Confirm makes commands ask before they change anything.
	Confirm bool `json:"confirm,omitempty"`
	// Namespace holds all objects.
	Namespace string `json:"namespace"`
	// Registry is what comes before an image's own name.
	Registry string `json:"registry"`
	// DrainDelay is how long load balancers take to notice that a replica leaves.
	DrainDelay metav1.Duration `json:"drainDelay,omitempty"`
	// Network is what processes reach and who reaches them.
	Network Network `json:"network"`
	// Route is how public processes are reached from outside the cluster.
	Route Route `json:"route"`
	// Processes holds what differs for one process, by service/process.
	Processes map[string]Process `json:"processes,omitempty"`
}

// Network names peers as NetworkPolicy does.
type Network struct {
	// Database is where PostgreSQL is.
	Database Destination `json:"database"`
	// Telemetry is where spans are sent, if they are.
	Telemetry *Destination `json:"telemetry,omitempty"`
	// Metrics are those that read ADMIN_ADDR.
	Metrics []networking.NetworkPolicyPeer `json:"metrics,omitempty"`
	// Ingress are the proxies before public processes.
	Ingress []networking.NetworkPolicyPeer `json:"ingress,omitempty"`
}

// Destination is a port of some peers.
type Destination struct {
	Port int32                          `json:"port"`
	To   []networking.NetworkPolicyPeer `json:"to"`
}

// Route is an Ingress or an HTTPRoute.
type Route struct {
	Ingress *Ingress `json:"ingress,omitempty"`
	Gateway *Gateway `json:"gateway,omitempty"`
}

// Ingress is what an Ingress names beside hosts.
type Ingress struct {
	Class     string `json:"class"`
	TLSSecret string `json:"tlsSecret"`
}

// Gateway is the one that an HTTPRoute attaches to.
type Gateway struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Section is the listener, if it has more than one.
	Section string `json:"section,omitempty"`
}

// Process is what differs for one process.
type Process struct {
	Replicas   workload.Replicas  `json:"replicas,omitempty"`
	Resources  workload.Resources `json:"resources,omitempty"`
	DrainDelay *metav1.Duration   `json:"drainDelay,omitempty"`
	Env        map[string]string  `json:"env,omitempty"`
	// Hosts of a public process.
	Hosts []string `json:"hosts,omitempty"`
	// TLSSecret holds tls.crt, tls.key and ca.crt of a grpc process. Without it the
	// process serves in plain text, as behind a mesh.
	TLSSecret string `json:"tlsSecret,omitempty"`
}

// longestDrain is more than any load balancer needs.
const longestDrain = 10 * time.Minute

// registry is what can come before the name of an image.
var registry = regexp.MustCompile(`^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*$`)

// None is no environment: what all have in common.
func None() Environment {
	return Environment{DrainDelay: metav1.Duration{Duration: lifecycle.KubernetesDrainDelay}}
}

// Parse reads the file of the environment with that name.
func Parse(name string, content []byte) (Environment, error) {
	e := None()
	e.Name = name
	if err := yaml.UnmarshalStrict(content, &e); err != nil {
		return Environment{}, fmt.Errorf("environment %s: %w", name, err)
	}
	if err := e.check(); err != nil {
		return Environment{}, fmt.Errorf("environment %s: %w", name, err)
	}
	return e, nil
}

// Of returns what differs for a process; most have nothing.
func (e Environment) Of(w workload.Workload) Process { return e.Processes[w.Path()] }

// Drain returns how long the process goes on serving after SIGTERM.
func (e Environment) Drain(w workload.Workload) time.Duration {
	if own := e.Of(w).DrainDelay; own != nil {
		return own.Duration
	}
	return e.DrainDelay.Duration
}

func (e Environment) check() error {
	switch {
	case len(e.Contexts) == 0:
		return fmt.Errorf("contexts: name at least one")
	case len(validation.IsDNS1123Label(e.Namespace)) > 0:
		return fmt.Errorf("namespace is %q: take the name of one", e.Namespace)
	case !registry.MatchString(e.Registry):
		return fmt.Errorf("registry is %q: take what comes before the name of an image, such as registry.example.com/team", e.Registry)
	case e.Route.Ingress != nil && e.Route.Gateway != nil:
		return fmt.Errorf("route: take ingress or gateway, not both")
	}
	if err := checkDrain(e.DrainDelay.Duration); err != nil {
		return err
	}
	if err := e.Network.Database.check(); err != nil {
		return fmt.Errorf("network.database: %w", err)
	}
	if e.Network.Telemetry != nil {
		if err := e.Network.Telemetry.check(); err != nil {
			return fmt.Errorf("network.telemetry: %w", err)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(e.Processes)) {
		if err := e.Processes[path].check(); err != nil {
			return fmt.Errorf("processes: %s: %w", path, err)
		}
	}
	return nil
}

func (d Destination) check() error {
	if len(validation.IsValidPortNum(int(d.Port))) > 0 || len(d.To) == 0 {
		return fmt.Errorf("name a port and at least one peer")
	}
	return nil
}

func (p Process) check() error {
	if p.DrainDelay != nil {
		if err := checkDrain(p.DrainDelay.Duration); err != nil {
			return err
		}
	}
	for _, host := range p.Hosts {
		if len(validation.IsDNS1123Subdomain(host)) > 0 || !strings.Contains(host, ".") {
			return fmt.Errorf("hosts: %q is no host name", host)
		}
	}
	if p.TLSSecret != "" && len(validation.IsDNS1123Subdomain(p.TLSSecret)) > 0 {
		return fmt.Errorf("tlsSecret is %q: take the name of a Secret", p.TLSSecret)
	}
	return workload.CheckEnv(p.Env)
}

func checkDrain(delay time.Duration) error {
	if delay < 0 || delay > longestDrain {
		return fmt.Errorf("drainDelay is %s: take 0s to %s", delay, longestDrain)
	}
	return nil
}
