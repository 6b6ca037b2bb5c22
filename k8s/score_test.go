package k8s_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// accepted are the findings of kube-score that stand, by its checks.
var accepted = map[string]string{
	"container-image-pull-policy":         "tags move, but images are named by digest",
	"deployment-has-host-podantiaffinity": "topologySpreadConstraints spread the pods",
}

// What is rendered is good practice as kube-score judges it, warnings included.
func TestScore(t *testing.T) {
	all := manifests(t)
	found := map[string]bool{}
	for _, m := range all {
		objects, findings := score(t, m.content)
		if objects == 0 {
			t.Errorf("%s of %s: kube-score judged nothing", m.target, m.process)
		}
		for check, where := range findings {
			found[check] = true
			if _, ok := accepted[check]; !ok {
				t.Errorf("%s of %s: %s: %s", m.target, m.process, check, where)
			}
		}
	}
	for check, reason := range accepted {
		if !found[check] {
			t.Errorf("%s is accepted, as %s, and never found", check, reason)
		}
	}
	// It would notice.
	for _, test := range []struct{ process, old, new, want string }{
		{"playbook-migrate", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "container-security-context-readonlyrootfilesystem"},
		{"playbook-migrate", "            memory: 64Mi\n", "", "container-resources"},
		{"playbook-grpc", "seccompProfile:", "seccomp:", "container-seccomp-profile"},
		{"playbook-grpc", "  minReplicas: 2\n", "  minReplicas: 1\n", "horizontalpodautoscaler-replicas"},
		{"playbook-rest", "kind: PodDisruptionBudget", "kind: Budget", "deployment-has-poddisruptionbudget"},
		{"playbook-rest", "kind: NetworkPolicy", "kind: Policy", "pod-networkpolicy"},
	} {
		i := slices.IndexFunc(all, func(m manifest) bool { return m.process == test.process && m.target == "staging" })
		if i < 0 {
			t.Fatalf("%s has no manifest for staging", test.process)
		}
		spoilt := strings.ReplaceAll(string(all[i].content), test.old, test.new)
		if spoilt == string(all[i].content) {
			t.Errorf("%s has no %q to replace", test.process, test.old)
		}
		if _, findings := score(t, []byte(spoilt)); findings[test.want] == nil {
			t.Errorf("%s with %q: got %v, want %s", test.process, test.new, findings, test.want)
		}
	}
}

// score returns how many objects kube-score judged, and what it has against them,
// by its checks.
func score(t *testing.T, content []byte) (objects int, findings map[string][]string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), files(t, "KUBE_SCORE")[0], "score", "-",
		"--output-format=json", "--kubernetes-version=v1.34", "--enable-optional-test=container-seccomp-profile")
	command.Stdin = bytes.NewReader(content)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	// It ends with 1 when it finds something, and what it cannot read gives no JSON.
	output, runErr := command.Output()
	var judged []struct {
		Name   string `json:"object_name"`
		Checks []struct {
			Check    struct{ ID string }
			Grade    int
			Skipped  bool
			Comments []struct{ Path, Summary string }
		}
	}
	if err := json.Unmarshal(output, &judged); err != nil {
		t.Fatalf("kube-score: %v, %v: %s%s", runErr, err, output, complaints.Bytes())
	}
	const good = 10
	findings = map[string][]string{}
	for _, object := range judged {
		for _, check := range object.Checks {
			if check.Skipped || check.Grade >= good {
				continue
			}
			what := object.Name
			for _, comment := range check.Comments {
				what += ": " + comment.Path + " " + comment.Summary
			}
			findings[check.Check.ID] = append(findings[check.Check.ID], what)
		}
	}
	return len(judged), findings
}
