package k8s_test

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/tools/manifests/environment"
	"github.com/soketsugo/soketsugo/tools/manifests/objects"
)

// manifest is one rendered file.
type manifest struct {
	// process is the image's name, and target the rule's.
	process, target string
	content         []byte
	objects         []objects.Object
}

// manifests reads all that Bazel rendered.
func manifests(t *testing.T) []manifest {
	t.Helper()
	var all []manifest
	for _, place := range files(t, "MANIFESTS") {
		content, err := os.ReadFile(place)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := objects.Decode(content)
		if err != nil {
			t.Fatalf("%s: %v", place, err)
		}
		parts := strings.Split(filepath.ToSlash(place), "/")
		slices.Reverse(parts)
		all = append(all, manifest{
			process: parts[2] + "-" + parts[1], target: strings.TrimSuffix(parts[0], ".yaml"), content: content, objects: decoded,
		})
	}
	return all
}

// files returns the places of what a variable of the test names.
func files(t *testing.T, variable string) []string {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skipf("%s is not set: run this test with ./bazelw", variable)
	}
	var places []string
	for _, location := range strings.Fields(os.Getenv(variable)) {
		place, err := runfiles.Rlocation(location)
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, place)
	}
	return places
}

// A rendered set is about its own process: whoever applies it touches nothing of
// another, and names nothing of another.
func TestOwnObjectsOnly(t *testing.T) {
	all := manifests(t)
	for _, m := range all {
		for _, object := range m.objects {
			if name := object.GetName(); name != m.process && !strings.HasPrefix(name, m.process+"-") {
				t.Errorf("%s of %s has an object %q", m.target, m.process, name)
			}
			if object.GetLabels()[objects.NameLabel] != m.process {
				t.Errorf("%s of %s: the labels of %q are %v", m.target, m.process, object.GetName(), object.GetLabels())
			}
		}
		for _, other := range all {
			if other.process != m.process && strings.Contains(string(m.content), other.process) {
				t.Errorf("%s of %s names %s", m.target, m.process, other.process)
			}
		}
	}
}

// What a workload needs comes before it, and what needs the workload after it: a
// pod that starts at once finds its settings, and its network is closed.
func TestOrder(t *testing.T) {
	for _, m := range manifests(t) {
		seen := map[string]bool{}
		for _, object := range m.objects {
			if objects.Pod(object) != nil {
				if !seen["ServiceAccount"] || !seen["ConfigMap"] || !seen["NetworkPolicy"] {
					t.Errorf("%s of %s: only %v come before the pods", m.target, m.process, seen)
				}
				seen["pods"] = true
				continue
			}
			kind := object.GetObjectKind().GroupVersionKind().Kind
			seen[kind] = true
			if isBefore := slices.Contains([]string{"ServiceAccount", "ConfigMap", "NetworkPolicy", "Service"}, kind); isBefore == seen["pods"] {
				t.Errorf("%s of %s: the %s is on the wrong side of the pods", m.target, m.process, kind)
			}
		}
	}
}

// Every pod passes the standard "restricted" as the API server judges it.
func TestPodSecurity(t *testing.T) {
	evaluate := evaluator(t)
	for _, m := range manifests(t) {
		pods := 0
		for _, object := range m.objects {
			pod := objects.Pod(object)
			if pod == nil {
				continue
			}
			pods++
			if reason := evaluate(pod); reason != "" {
				t.Errorf("%s of %s: %s", m.target, m.process, reason)
			}
			// It would notice.
			for name, spoil := range map[string]func(){
				"root":         func() { pod.Spec.SecurityContext.RunAsUser = new(int64(0)) },
				"capabilities": func() { pod.Spec.Containers[0].SecurityContext.Capabilities = nil },
				"seccomp":      func() { pod.Spec.SecurityContext.SeccompProfile = nil },
				"host network": func() { pod.Spec.HostNetwork = true },
			} {
				kept := pod.DeepCopy()
				if spoil(); evaluate(pod) == "" {
					t.Errorf("%s: nothing is said about %s", m.process, name)
				}
				*pod = *kept
			}
		}
		if pods != 1 {
			t.Errorf("%s of %s makes pods of %d kinds, want 1", m.target, m.process, pods)
		}
	}
}

func evaluator(t *testing.T) func(*core.PodTemplateSpec) string {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	return func(pod *core.PodTemplateSpec) string {
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
		if result.Allowed {
			return ""
		}
		return result.ForbiddenDetail()
	}
}

// Beyond "restricted": nothing in a container can be written to, it gets no token
// and no addresses of Services, and it has all requests and limits.
func TestHardening(t *testing.T) {
	for _, m := range manifests(t) {
		for _, object := range m.objects {
			pod := objects.Pod(object)
			if pod == nil {
				continue
			}
			spec, container := pod.Spec, pod.Spec.Containers[0]
			for what, holds := range map[string]bool{
				"a read-only root":     *container.SecurityContext.ReadOnlyRootFilesystem,
				"no token":             !*spec.AutomountServiceAccountToken,
				"no service links":     !*spec.EnableServiceLinks,
				"an own account":       spec.ServiceAccountName == m.process,
				"requests and limits":  len(container.Resources.Requests) == 3 && len(container.Resources.Limits) == 3,
				"one container":        len(spec.Containers) == 1 && len(spec.InitContainers) == 0,
				"no secret in the env": !slices.ContainsFunc(container.Env, func(v core.EnvVar) bool { return v.Value != "" }),
			} {
				if !holds {
					t.Errorf("%s of %s: want %s", m.target, m.process, what)
				}
			}
		}
	}
}

// A Job ends at once after exit codes that running again cannot mend, and counts
// those that it can: the table of docs/migrations.md.
func TestFailurePolicy(t *testing.T) {
	jobs := 0
	for _, m := range manifests(t) {
		for _, object := range m.objects {
			job, ok := object.(*batch.Job)
			if !ok {
				continue
			}
			jobs++
			actions := map[int]batch.PodFailurePolicyAction{}
			for _, rule := range job.Spec.PodFailurePolicy.Rules {
				if rule.OnExitCodes == nil {
					continue
				}
				for _, code := range rule.OnExitCodes.Values {
					actions[int(code)] = rule.Action
				}
			}
			for _, exit := range migration.Exits() {
				want := batch.PodFailurePolicyActionFailJob
				switch {
				case exit.Code == 0:
					// Kubernetes refuses a rule about success.
					want = ""
				case exit.Retry:
					want = batch.PodFailurePolicyActionCount
				}
				if actions[exit.Code] != want {
					t.Errorf("%s: exit code %d leads to %q, want %q", m.target, exit.Code, actions[exit.Code], want)
				}
			}
		}
	}
	if jobs == 0 {
		t.Error("there is no Job")
	}
}

// What applies by name replaces the Job, so there its name stays; what does not
// gets another Job for another content.
func TestJobNames(t *testing.T) {
	for _, m := range manifests(t) {
		for _, object := range m.objects {
			job, ok := object.(*batch.Job)
			if !ok {
				continue
			}
			schema := job.Annotations[objects.SchemaBrings]
			if version, err := strconv.Atoi(schema); err != nil || version < 1 {
				t.Errorf("%s brings schema %q", m.target, schema)
			}
			switch environment, component, _ := strings.Cut(m.target, "_"); component {
			case "":
				if !strings.HasPrefix(job.Name, m.process+"-v"+schema+"-") || job.Spec.TTLSecondsAfterFinished == nil {
					t.Errorf("%s: the Job is %s", environment, job.Name)
				}
			case "argocd":
				if job.Name != m.process || job.Spec.TTLSecondsAfterFinished != nil ||
					job.Annotations["argocd.argoproj.io/hook"] != "Sync" || job.Annotations["argocd.argoproj.io/sync-wave"] != "1" ||
					job.Annotations["argocd.argoproj.io/hook-delete-policy"] != "BeforeHookCreation" {
					t.Errorf("%s: the Job is %s with %v", m.target, job.Name, job.Annotations)
				}
			case "flux":
				if job.Name != m.process || job.Annotations["kustomize.toolkit.fluxcd.io/force"] != "enabled" {
					t.Errorf("%s: the Job is %s with %v", m.target, job.Name, job.Annotations)
				}
			}
		}
	}
}

// Nothing gets in or out but what is named, and gRPC only from namespaces that
// carry the label.
func TestNetworkPolicies(t *testing.T) {
	for _, m := range manifests(t) {
		found := false
		for _, object := range m.objects {
			rules, ok := object.(*networking.NetworkPolicy)
			if !ok {
				continue
			}
			found = true
			if len(rules.Spec.PolicyTypes) != 2 {
				t.Errorf("%s of %s: the policy is about %v", m.target, m.process, rules.Spec.PolicyTypes)
			}
			for _, rule := range rules.Spec.Ingress {
				if len(rule.From) == 0 || len(rule.Ports) == 0 {
					t.Errorf("%s of %s: a rule lets everybody in, or everywhere: %v", m.target, m.process, rule)
				}
				for _, port := range rule.Ports {
					if m.process == "playbook-grpc" && port.Port.IntValue() == 50051 &&
						rule.From[0].NamespaceSelector.MatchLabels["playbook-grpc.soketsugo.dev/client"] != "true" {
						t.Errorf("%s: gRPC is open for %v", m.target, rule.From)
					}
				}
			}
			for _, rule := range rules.Spec.Egress {
				if len(rule.To) == 0 || len(rule.Ports) == 0 {
					t.Errorf("%s of %s: a rule lets everything out: %v", m.target, m.process, rule)
				}
			}
		}
		if !found {
			t.Errorf("%s of %s has no policy", m.target, m.process)
		}
	}
}

// The files of the environments name only processes that there are.
func TestEnvironments(t *testing.T) {
	known := map[string]bool{}
	for _, m := range manifests(t) {
		known[strings.Replace(m.process, "-", "/", 1)] = true
	}
	for _, file := range files(t, "ENVIRONMENTS") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e, err := environment.Parse(strings.TrimSuffix(path.Base(file), ".yaml"), content)
		if err != nil {
			t.Fatal(err)
		}
		for process := range maps.Keys(e.Processes) {
			if !known[process] {
				t.Errorf("%s: there is no process %s", e.Name, process)
			}
		}
	}
}
