package environment_test

import (
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/tools/manifests/environment"
	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

const good = `
contexts: [one]
namespace: staging
registry: registry.example.com:5000/team
network:
  database: {port: 5432, to: [{ipBlock: {cidr: 10.0.0.0/8}}]}
processes:
  shop/rest: {drainDelay: 30s, hosts: [shop.example.com]}
`

// What is not said has a default, and a process can have its own.
func TestParse(t *testing.T) {
	e, err := environment.Parse("staging", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if own := e.Drain(workload.Workload{Service: "shop", Process: "rest"}); e.Name != "staging" || own != 30*time.Second {
		t.Errorf("got %s, %s", e.Name, own)
	}
	if common := e.Drain(workload.Workload{Service: "shop", Process: "grpc"}); common != lifecycle.KubernetesDrainDelay {
		t.Errorf("got %s by default", common)
	}
}

// Each mistake is refused with words that say what would be right.
func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"contexts: [one]", "contexts: []", "at least one"},
		{"contexts: [one]", "context: [one]", "unknown field"},
		{"namespace: staging", "namespace: Staging", "namespace"},
		{"namespace: staging", "namespace: staging\nnamespace: other", "namespace"},
		{"registry.example.com:5000/team", "https://registry.example.com", "what comes before the name"},
		{"port: 5432", "port: 0", "network.database"},
		{"[{ipBlock: {cidr: 10.0.0.0/8}}]", "[]", "network.database"},
		{"{cidr: 10.0.0.0/8}", "{cdir: 10.0.0.0/8}", "unknown field"},
		{"drainDelay: 30s", "drainDelay: 1h", "shop/rest: drainDelay"},
		{"drainDelay: 30s", "drainDelay: soon", "soon"},
		{"drainDelay: 30s", "replicas: {least: 1}", "unknown field"},
		{"drainDelay: 30s", `tlsSecret: "A B"`, "the name of a Secret"},
		{"drainDelay: 30s", `env: {lower: "1"}`, "capital letters"},
		{"shop.example.com", "shop", "no host name"},
		{"network:", "route: {ingress: {class: a, tlsSecret: b}, gateway: {name: a, namespace: b}}\nnetwork:", "not both"},
	} {
		if !strings.Contains(good, test.old) {
			t.Fatalf("%s is not there to be replaced", test.old)
		}
		_, err := environment.Parse("staging", []byte(strings.Replace(good, test.old, test.new, 1)))
		if err == nil || !strings.Contains(err.Error(), "environment staging") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.new, err, test.want)
		}
	}
}
