// Package clustertest deploys to a real cluster with the commands that people use, and measures what a rolling restart
// loses there. docs/deploy.md says how to run it.
package clustertest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// One apply takes an empty namespace and an empty database to a running service;
// the next ones do what differs, and no more.
func TestApply(t *testing.T) {
	p := newPlace(t, newBench(t))

	begin := time.Now()
	p.apply(processes...)
	p.ready("grpc")
	p.ready("rest")
	t.Logf("from nothing to two ready replicas of each server: %s", time.Since(begin).Round(100*time.Millisecond))

	job, before := p.uids("migrate"), p.servers()
	output := p.apply(processes...)
	for line := range strings.Lines(output) {
		if strings.HasSuffix(line, " changed\n") || strings.HasSuffix(line, " created\n") {
			t.Errorf("applied again: %s", line)
		}
	}
	if !strings.Contains(output, "is complete already\n") {
		t.Error("applied again, the Job is not said to be complete already")
	}
	if len(job) != 1 || !maps.Equal(job, p.uids("migrate")) {
		t.Errorf("the Job's pods were %v, and after the second apply are %v", job, p.uids("migrate"))
	}
	p.same("grpc", before)
	p.same("rest", before)

	p.images["rest"] = p.images["rest"].changed(t)
	p.bring("playbook-rest", p.images["rest"])
	p.apply(processes...)
	p.settled("rest")
	p.same("grpc", before)
	after := p.servers()
	if after["rest"].generation == before["rest"].generation {
		t.Error("another image did not change the Deployment of rest")
	}
	for uid := range after["rest"].pods {
		if before["rest"].pods[uid] {
			t.Errorf("pod %s of rest was not replaced", uid)
		}
	}
	if !maps.Equal(job, p.uids("migrate")) {
		t.Error("another image of rest ran the Job again")
	}
}

// A ConfigMap of earlier settings stays while there is a ReplicaSet to go back to,
// and goes with it. Nobody else's does.
func TestPrune(t *testing.T) {
	p := newPlace(t, newBench(t))
	p.apply(processes...)
	before := p.configs("rest")
	p.kube("create", "configmap", "playbook-rest-by-hand")
	p.kube("label", "configmap", "playbook-rest-by-hand", "app.kubernetes.io/name=playbook-rest",
		"app.kubernetes.io/instance=playbook-rest-test", "app.kubernetes.io/managed-by=soketsugo")

	p.drain = 4 * time.Second
	p.apply("rest")
	if after := p.configs("rest"); len(before) != 1 || !slices.Contains(after, before[0]) {
		t.Errorf("the ConfigMaps were %v, and with other settings are %v", before, after)
	}
	// There and back again.
	for range 2 {
		p.kube("rollout", "undo", "deployment/playbook-rest")
		p.kube("rollout", "status", "deployment/playbook-rest", "--timeout="+patience.String())
	}

	p.kube("patch", "deployment", "playbook-rest", "--patch", `{"spec":{"revisionHistoryLimit":0}}`)
	p.until("no old ReplicaSet is left", func() bool {
		return len(p.names("replicasets", "rest")) == 1
	})
	output := p.apply(processes...)
	if line := "playbook/rest: " + before[0] + " removed\n"; strings.Count(output, " removed\n") != 1 || !strings.Contains(output, line) {
		t.Errorf("%q is not all that was removed", line)
	}
	if after := p.configs("rest"); len(after) != 2 || slices.Contains(after, before[0]) || !slices.Contains(after, "configmap/playbook-rest-by-hand") {
		t.Errorf("the ConfigMaps are %v", after)
	}
}

// Servers that are applied before the schema is there wait for it without
// restarts, and become ready by themselves.
func TestServersFirst(t *testing.T) {
	p := newPlace(t, newBench(t))
	servers := p.start("grpc", "rest")
	for _, process := range []string{"grpc", "rest"} {
		p.until("a pod of "+process+" runs", func() bool {
			pods := p.pods(process)
			return len(pods) > 0 && pods[0].Status.Phase == "Running"
		})
	}
	const wait = 15 * time.Second
	for begin := time.Now(); time.Since(begin) < wait; time.Sleep(interval) {
		for _, process := range []string{"grpc", "rest"} {
			for _, pod := range p.pods(process) {
				if pod.ready() {
					t.Fatalf("pod %s is ready without a schema", pod.Metadata.Name)
				}
			}
		}
	}
	t.Logf("no server was ready in %s without a schema", wait)
	p.apply("migrate")
	begin := time.Now()
	p.settled("grpc")
	p.settled("rest")
	t.Logf("ready %s after the Job's end", time.Since(begin).Round(100*time.Millisecond))
	servers.end()
	for _, process := range []string{"grpc", "rest"} {
		if restarts := p.restarts(process); restarts > 0 {
			t.Errorf("%s restarted %d times", process, restarts)
		}
	}
}

// A process that hangs is restarted, and nothing else is.
func TestLiveness(t *testing.T) {
	p := newPlace(t, newBench(t))
	p.apply(processes...)
	p.settled("grpc")
	p.settled("rest")
	before := p.servers()
	victim := p.pods("rest")[0]
	p.freeze(victim, "playbook-rest")
	begin := time.Now()
	p.until("the pod that hangs is unready", func() bool { return !p.pod("rest", victim).ready() })
	t.Logf("unready %s after it was stopped", time.Since(begin).Round(100*time.Millisecond))
	p.until("the pod that hangs is restarted", func() bool { return p.pod("rest", victim).restarts() == 1 })
	p.settled("rest")
	t.Logf("ready again %s after it was stopped", time.Since(begin).Round(100*time.Millisecond))
	// The same pods, and one restart of one container in all.
	p.same("grpc", before)
	p.same("rest", before)
	if grpc, rest := p.restarts("grpc"), p.restarts("rest"); grpc != 0 || rest != 1 {
		t.Errorf("%d restarts of grpc and %d of rest, want 0 and 1", grpc, rest)
	}
}

// Rolling restarts lose nothing, and lose something where servers do not drain.
func TestRollingRestarts(t *testing.T) {
	p := newPlace(t, newBench(t))
	p.apply(processes...)
	p.settled("grpc")
	p.settled("rest")
	for _, r := range p.restartUnderLoad(restarts) {
		if r.Failed > 0 || r.Answers == 0 {
			t.Errorf("%s: %d of %d failed; the first are\n\t%s", r.Kind, r.Failed, r.Sent, strings.Join(r.Errors, "\n\t"))
		}
	}
	p.drain = 0
	p.apply(processes...)
	p.settled("grpc")
	p.settled("rest")
	lost := map[string]int{}
	for _, r := range p.restartUnderLoad(restarts) {
		protocol, _, _ := strings.Cut(r.Kind, " ")
		lost[protocol] += r.Failed
	}
	for _, protocol := range []string{"gRPC", "HTTP"} {
		if lost[protocol] == 0 {
			t.Errorf("without the drain nothing was lost over %s: the load sees no failures", protocol)
		}
	}
}
