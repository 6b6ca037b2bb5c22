package tree_test

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/soketsugo/soketsugo/tools/manifests/environment"
	"github.com/soketsugo/soketsugo/tools/manifests/objects"
	"github.com/soketsugo/soketsugo/tools/manifests/settings"
	"github.com/soketsugo/soketsugo/tools/manifests/testprocess"
	"github.com/soketsugo/soketsugo/tools/manifests/tree"
	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

func TestMain(m *testing.M) {
	testprocess.Main()
	os.Exit(m.Run())
}

// ask asks this very test, which is a process too.
func ask(ctx context.Context, env map[string]string, secrets []string) (settings.Settings, error) {
	return settings.Read(ctx, os.Args[0], env, secrets)
}

const resources = `"resources":{"cpu":"100m","memory":"64Mi","cpuLimit":"1","memoryLimit":"128Mi"},"secrets":{"DATABASE_URL":"db/url"},`

// workloads is one of each kind.
func workloads(t *testing.T) map[string]workload.Workload {
	t.Helper()
	all := map[string]workload.Workload{}
	for kind, more := range map[string]string{
		"grpc":    `"replicas":{"min":2,"max":6}`,
		"rest":    `"replicas":{"min":2,"max":6},"public":true,"env":{"LOG_LEVEL":"debug"}`,
		"worker":  `"replicas":{"min":1,"max":1}`,
		"migrate": `"deadline":"1h"`,
	} {
		w, err := workload.Parse([]byte(`{"service":"shop","process":"` + kind + `","kind":"` + kind + `",` + resources + more + `}`))
		if err != nil {
			t.Fatal(err)
		}
		all[kind] = w
	}
	return all
}

const common = `
contexts: [here]
namespace: here
registry: registry.example.com/here
network: {database: {port: 5432, to: [{ipBlock: {cidr: 10.0.0.0/8}}]}, metrics: [{podSelector: {}}], ingress: [{podSelector: {}}]}
`

// environments differ in everything that can differ.
func environments(t *testing.T) []environment.Environment {
	t.Helper()
	var all []environment.Environment
	for name, more := range map[string]string{
		"plain": `
route: {ingress: {class: nginx, tlsSecret: shop-tls}}
processes:
  shop/rest: {hosts: [a.example.com, b.example.com]}
`,
		"other": `
drainDelay: 25s
route: {gateway: {name: public, namespace: gateways, section: https}}
processes:
  shop/grpc: {replicas: {min: 1, max: 1}, tlsSecret: shop-grpc-tls, resources: {cpuLimit: "2500m", memoryLimit: 1Gi}}
  shop/rest: {hosts: [a.example.com], env: {LOG_LEVEL: error, MAX_REQUESTS: "9"}, drainDelay: 1500ms}
  shop/worker: {replicas: {min: 2, max: 3}}
  shop/migrate: {resources: {cpu: 200m}, env: {LOCK_WAIT: 10m}}
`,
	} {
		e, err := environment.Parse(name, []byte(common+more))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// built returns what kustomize makes of an overlay.
func built(t *testing.T, files map[string][]byte, overlay string) []objects.Object {
	t.Helper()
	folder := filesys.MakeFsInMemory()
	for name, content := range files {
		if err := folder.WriteFile("/"+name, content); err != nil {
			t.Fatal(err)
		}
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	made, err := krusty.MakeKustomizer(options).Run(folder, "/"+overlay)
	if err != nil {
		t.Fatalf("%s: %v", overlay, err)
	}
	content, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	all, err := objects.Decode(content)
	if err != nil {
		t.Fatalf("%s: %v", overlay, err)
	}
	return all
}

// An overlay, which holds only what differs, leads to exactly the objects that
// the process has in that environment.
func TestOverlays(t *testing.T) {
	for kind, w := range workloads(t) {
		files, err := tree.Files(t.Context(), w, environments(t), ask)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for _, e := range environments(t) {
			spec, err := objects.Of(w, e)
			if err != nil {
				t.Fatal(err)
			}
			answers, err := ask(t.Context(), spec.Env, slices.Collect(maps.Keys(w.Secrets)))
			if err != nil {
				t.Fatal(err)
			}
			want, err := objects.Objects(spec, answers)
			if err != nil {
				t.Fatal(err)
			}
			var config *core.ConfigMap
			got := map[string]objects.Object{}
			for _, object := range built(t, files, tree.Overlay(e.Name)) {
				if found, ok := object.(*core.ConfigMap); ok {
					config = found
					continue
				}
				got[key(object)] = object
			}
			if diff := cmp.Diff(spec.Env, config.Data); diff != "" {
				t.Errorf("%s in %s: the ConfigMap (-want +got):\n%s", kind, e.Name, diff)
			}
			if len(got) != len(want) {
				t.Errorf("%s in %s has %d objects, want %d", kind, e.Name, len(got), len(want))
			}
			for _, object := range want {
				complete(object, spec, config.Name)
				if diff := cmp.Diff(object, got[key(object)], anyOrder); diff != "" {
					t.Errorf("%s in %s: %s (-want +got):\n%s", kind, e.Name, key(object), diff)
				}
			}
		}
	}
}

// Who applies an overlay by hand gets what pods need before the pods.
func TestOrder(t *testing.T) {
	for kind, w := range workloads(t) {
		files, err := tree.Files(t.Context(), w, environments(t), ask)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for _, e := range environments(t) {
			var kinds []string
			for _, object := range built(t, files, tree.Overlay(e.Name)) {
				kinds = append(kinds, object.GetObjectKind().GroupVersionKind().Kind)
			}
			if first := []string{"ServiceAccount", "ConfigMap", "NetworkPolicy"}; !slices.Equal(kinds[:len(first)], first) {
				t.Errorf("%s in %s: the order is %v", kind, e.Name, kinds)
			}
		}
	}
}

// anyOrder is for a list whose order means nothing; kustomize puts what is added
// first.
var anyOrder = cmpopts.SortSlices(func(a, b core.ContainerPort) bool { return a.ContainerPort < b.ContainerPort })

func key(object objects.Object) string {
	return object.GetObjectKind().GroupVersionKind().Kind + "/" + object.GetName()
}

// complete adds what the overlay as a whole says.
func complete(object objects.Object, spec objects.Spec, config string) {
	object.SetNamespace(spec.Environment.Namespace)
	instance := spec.Name() + "-" + spec.Environment.Name
	object.GetLabels()[objects.InstanceLabel] = instance
	if pod := objects.Pod(object); pod != nil {
		pod.Labels[objects.InstanceLabel] = instance
		container := &pod.Spec.Containers[0]
		container.Image = spec.Environment.Registry + "/" + spec.Name()
		container.EnvFrom[0].ConfigMapRef.Name = config
	}
}

// A process that may be alone stays ready while it drains, has no autoscaler, and
// its seconds are those of its settings.
func TestSingleReplica(t *testing.T) {
	files, err := tree.Files(t.Context(), workloads(t)["grpc"], environments(t), ask)
	if err != nil {
		t.Fatal(err)
	}
	var deployment *apps.Deployment
	for _, object := range built(t, files, tree.Overlay("other")) {
		switch object := object.(type) {
		case *apps.Deployment:
			deployment = object
		case *core.ConfigMap:
			if object.Data["STAY_READY"] != "true" || object.Data["DRAIN_DELAY"] != "25s" || object.Data["GOMAXPROCS"] != "3" || object.Data["GOMEMLIMIT"] != "921MiB" {
				t.Errorf("the settings are %v", object.Data)
			}
		}
		if kind := object.GetObjectKind().GroupVersionKind().Kind; kind == "HorizontalPodAutoscaler" {
			t.Error("there is an autoscaler")
		}
	}
	spec := deployment.Spec.Template.Spec
	// 25 s of delay, 20 s for requests, 3 s to close, 2 s of margin.
	if *deployment.Spec.Replicas != 1 || *spec.TerminationGracePeriodSeconds != 50 {
		t.Errorf("got %d replicas and %d seconds", *deployment.Spec.Replicas, *spec.TerminationGracePeriodSeconds)
	}
	if port := spec.Containers[0].ReadinessProbe.GRPC.Port; port != 50052 {
		t.Errorf("with TLS the kubelet asks port %d", port)
	}
	if deployment.Annotations[objects.SchemaRequired] != "7" {
		t.Errorf("the annotations are %v", deployment.Annotations)
	}
}

// What cannot work is refused with words that say why.
func TestRefuses(t *testing.T) {
	const grpc = `"service":"shop","process":"grpc","kind":"grpc","replicas":{"min":2,"max":6},`
	const rest = `"service":"shop","process":"rest","kind":"rest","replicas":{"min":2,"max":6},`
	for _, test := range []struct{ workload, processes, want string }{
		{grpc + resources + `"env":{"GRPC_ADDR":":8081"}`, "", "port 8081 is used twice: by GRPC_ADDR and by ADMIN_ADDR"},
		{grpc + resources + `"env":{"GRPC_ADDR":":0"}`, "", "a fixed port"},
		{grpc + resources + `"env":{"GRPC_ADDR":":443"}`, "", "only root"},
		{grpc + resources + `"env":{"GRPC_ADDR":"127.0.0.1:50051"}`, "", "leave the host out"},
		{grpc + resources + `"env":{"LOG_LEVEL":"loud"}`, "", `would not start: LOG_LEVEL is "loud"; it takes one of`},
		{grpc + resources + `"env":{"LOG_LEVLE":"info"}`, "", "LOG_LEVLE is not a setting of this process"},
		{grpc + `"resources":{"cpu":"1","memory":"1Gi","cpuLimit":"1","memoryLimit":"1Gi"}`, "", "DATABASE_URL is not set; it takes a URL that starts with postgres://: set it in env, or name the Secret"},
		{grpc + `"env":{"DATABASE_URL":"postgres://u:p@h/d"},"resources":{"cpu":"1","memory":"1Gi","cpuLimit":"1","memoryLimit":"1Gi"}`, "",
			"DATABASE_URL is secret"},
		{grpc + resources + `"env":{}`, "shop/grpc: {hosts: [a.example.com]}", "not public"},
		{grpc + resources + `"env":{}`, "shop/grpc: {env: {DATABASE_URL: x}}", "comes from a Secret"},
		{grpc + resources + `"env":{}`, "shop/grpc: {resources: {memoryLimit: 1Ki}}", "is less than"},
		{grpc + resources + `"env":{}`, "shop/grpc: {resources: {memoryLimit: lots}}", "no quantity"},
		{grpc + resources + `"env":{}`, "shop/grpc: {replicas: {min: 9}}", "replicas from 9 to 6"},
		{rest + resources + `"public":true`, "", "name its hosts under processes: shop/rest"},
		{rest + resources + `"public":true`, "shop/rest: {hosts: [a.example.com]}", "take ingress or gateway"},
		{rest + resources + `"env":{}`, "shop/rest: {tlsSecret: x}", "only processes of kind grpc"},
		{`"service":"shop","process":"migrate","kind":"migrate",` + resources + `"deadline":"1m"`, "", "less than the 6m0s"},
	} {
		w, err := workload.Parse([]byte("{" + test.workload + "}"))
		if err != nil {
			t.Fatalf("%s: %v", test.workload, err)
		}
		e, err := environment.Parse("here", []byte(common+"\nprocesses: {"+test.processes+"}\n"))
		if err != nil {
			t.Fatalf("%s: %v", test.processes, err)
		}
		_, err = tree.Files(t.Context(), w, []environment.Environment{e}, ask)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with %q: got %v, want %q", test.workload, test.processes, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "u:p@h") {
			t.Errorf("the message shows a secret: %v", err)
		}
	}
}
