// Package objects makes the Kubernetes objects of a process.
package objects

import (
	"fmt"
	"maps"
	"path"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/soketsugo/soketsugo/tools/manifests/environment"
	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

// Spec is a process in an environment.
type Spec struct {
	workload.Workload
	Environment environment.Environment
	// Hosts and TLSSecret are those of the process in the environment.
	Hosts     []string
	TLSSecret string
}

// TLSFolder is where the files of a Secret with certificates are in a container.
const TLSFolder = "/etc/tls"

// Of returns the process as it is in the environment: its own words, then those
// of the environment, over what follows from both.
func Of(w workload.Workload, e environment.Environment) (Spec, error) {
	own := e.Of(w)
	s := Spec{Workload: w, Environment: e, Hosts: own.Hosts, TLSSecret: own.TLSSecret}
	s.Replicas = w.Replicas.Over(own.Replicas)
	s.Resources = w.Resources.Over(own.Resources)
	if err := s.Resources.Check(); err != nil {
		return Spec{}, err
	}
	if !w.IsJob() {
		if err := s.Replicas.Check(); err != nil {
			return Spec{}, err
		}
	}
	switch {
	case s.TLSSecret != "" && w.Kind != workload.GRPC:
		return Spec{}, fmt.Errorf("tlsSecret: only processes of kind grpc serve TLS themselves")
	case len(s.Hosts) > 0 && !w.Public:
		return Spec{}, fmt.Errorf("hosts: the process is not public; its BUILD file says which are")
	case w.Public && e.Name != "" && len(s.Hosts) == 0:
		return Spec{}, fmt.Errorf("hosts: the process is public; name its hosts under processes: %s", w.Path())
	case w.Public && e.Name != "" && e.Route.Ingress == nil && e.Route.Gateway == nil:
		return Spec{}, fmt.Errorf("route: the process is public; take ingress or gateway")
	}
	s.Env = s.derivedEnv()
	maps.Copy(s.Env, w.Env)
	for name, value := range own.Env {
		if _, secret := w.Secrets[name]; secret {
			return Spec{}, fmt.Errorf("env: %s comes from a Secret", name)
		}
		s.Env[name] = value
	}
	return s, nil
}

// derivedEnv is what follows from everything else.
func (s Spec) derivedEnv() map[string]string {
	env := map[string]string{
		"GOMAXPROCS": strconv.FormatInt(processors(s.Resources.CPULimit), 10),
		"GOMEMLIMIT": strconv.FormatInt(memoryLimit(s.Resources.MemoryLimit), 10) + "MiB",
	}
	if s.IsJob() {
		return env
	}
	env["DRAIN_DELAY"] = s.Environment.Drain(s.Workload).String()
	// Without a second replica there is nobody to take over.
	env["STAY_READY"] = strconv.FormatBool(s.Replicas.Min == 1)
	if s.Kind == workload.GRPC {
		env["GRPC_PLAINTEXT"] = strconv.FormatBool(s.TLSSecret == "")
		if s.TLSSecret != "" {
			env["GRPC_TLS_CERT"] = path.Join(TLSFolder, "tls.crt")
			env["GRPC_TLS_KEY"] = path.Join(TLSFolder, "tls.key")
			env["GRPC_TLS_CLIENT_CA"] = path.Join(TLSFolder, "ca.crt")
		}
	}
	return env
}

// processors returns how many threads run Go code at once: as many as the limit
// pays for.
func processors(limit string) int64 {
	// Check has made sure that it is a quantity.
	quantity := resource.MustParse(limit)
	return max(1, quantity.Value())
}

// memoryLimit returns, in MiB, the memory from which on the garbage collector
// works harder: nine tenths of what the kernel kills for.
func memoryLimit(limit string) int64 {
	quantity := resource.MustParse(limit)
	return max(1, quantity.Value()/10*9>>20)
}
