// Package clustertest_test deploys to a real cluster.
package clustertest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/tools/deploy/command"
	"github.com/soketsugo/soketsugo/tools/deploy/lock"
	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
)

const namespace = "soketsugo-deploy-test"

const environment = `contexts: [%s]
namespace: ` + namespace + `
registry: registry.invalid
network:
  database: {port: 5432, to: [{ipBlock: {cidr: 10.0.0.0/8}}]}
  telemetry: {port: 4318, to: [{ipBlock: {cidr: 10.0.0.0/8}}]}
`

// job is one that ends at once: well with --version, badly with nothing.
const job = `apiVersion: batch/v1
kind: Job
metadata:
  name: %s
  namespace: ` + namespace + `
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: migrate
          image: %s
          args: [%s]
`

// server runs although nothing answers at its database, so it never gets ready;
// its probe says whether anybody asks.
const server = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: rest
  namespace: ` + namespace + `
spec:
  replicas: 2
  progressDeadlineSeconds: %d
  selector: {matchLabels: {app: rest}}
  template:
    metadata: {labels: {app: rest}}
    spec:
      containers:
        - name: rest
          image: %s
          env: [{name: DATABASE_URL, value: "postgres://nobody@127.0.0.1:1/nothing"}]
          %s
`

// A bench is one namespace of the cluster that the environment names: KUBECONFIG,
// KUBE_CONTEXT, and IMAGE, a rest image that its nodes have or can pull.
type bench struct {
	kubeconfig, context, image string
	folder                     string
	file                       string
	layout                     string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{kubeconfig: os.Getenv("KUBECONFIG"), context: os.Getenv("KUBE_CONTEXT"), image: os.Getenv("IMAGE"), folder: t.TempDir()}
	if b.kubeconfig == "" || b.context == "" || b.image == "" {
		t.Skip("set KUBECONFIG, KUBE_CONTEXT and IMAGE: docs/deploy.md")
	}
	b.file = filepath.Join(b.folder, "test.yaml")
	write(t, b.file, fmt.Sprintf(environment, b.context))
	b.layout = imagedirtest.Write(t, imagedirtest.Good())
	kubectl := func(ctx context.Context, args ...string) {
		t.Helper()
		all := append([]string{"--kubeconfig=" + b.kubeconfig, "--context=" + b.context}, args...)
		if output, err := exec.CommandContext(ctx, "kubectl", all...).CombinedOutput(); err != nil {
			t.Fatalf("kubectl %q: %v\n%s", args, err, output)
		}
	}
	kubectl(t.Context(), "create", "namespace", namespace)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		kubectl(ctx, "delete", "namespace", namespace)
	})
	return b
}

// run runs one verb for one process with a manifest.
func (b *bench) run(t *testing.T, verb, process, manifest string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(b.folder, strings.ReplaceAll(process, "/", "-")+".yaml")
	write(t, file, manifest)
	var out, problem strings.Builder
	getenv := func(name string) string {
		return map[string]string{"BUILD_WORKSPACE_DIRECTORY": b.folder, "BUILD_WORKING_DIRECTORY": b.folder}[name]
	}
	all := []string{verb, "--environment=" + b.file, "--process=" + process + "=" + file + "," + b.layout, "--kubeconfig=" + b.kubeconfig, "--context=" + b.context}
	if verb == "apply" {
		all = append(all, "--no-push")
	}
	code = command.Run(t.Context(), append(all, args...), getenv, strings.NewReader(""), &out, &problem)
	t.Logf("%s %s: exit code %d\n%s%s", verb, process, code, out.String(), problem.String())
	return code, out.String(), problem.String()
}

// lock returns what is recorded of a process.
func (b *bench) lock(t *testing.T, process string) (lock.Entry, bool) {
	t.Helper()
	l, err := lock.Read(lock.Path(b.folder, "test"))
	if err != nil {
		t.Fatal(err)
	}
	entry, ok := l[process]
	return entry, ok
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, output string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(output, want) {
			t.Errorf("%q is not in the output", want)
		}
	}
}

// What deploying promises, on a real cluster: a Job runs once, its log is shown, a
// rollout is waited for, what changes nothing changes nothing, and a failure ends
// with its reason and is not recorded.
func TestDeploy(t *testing.T) {
	b := newBench(t)
	version := fmt.Sprintf(job, "migrate-1", b.image, "--version")

	code, stdout, _ := b.run(t, "apply", "s/migrate", version)
	if code != 0 {
		t.Fatal("the Job is not complete")
	}
	wants(t, stdout, "job.batch/migrate-1 created\n", " | playbook-rest ", "job.batch/migrate-1 is complete\n")
	if _, ok := b.lock(t, "s/migrate"); !ok {
		t.Error("the Job is not recorded")
	}

	code, stdout, _ = b.run(t, "apply", "s/migrate", version)
	if code != 0 {
		t.Error("the Job cannot be applied twice")
	}
	wants(t, stdout, "job.batch/migrate-1 unchanged\n", "is complete already\n")

	code, stdout, stderr := b.run(t, "apply", "s/other", fmt.Sprintf(job, "migrate-2", b.image, ""))
	if code != 1 {
		t.Errorf("a Job that fails: exit code %d", code)
	}
	wants(t, stderr, "job.batch/migrate-2 failed: BackoffLimitExceeded")
	wants(t, stdout, "migrate ended with exit code 2", "DATABASE_URL is not set", "event ")
	if entry, ok := b.lock(t, "s/other"); ok {
		t.Errorf("a Job that failed is recorded: %+v", entry)
	}

	running := fmt.Sprintf(server, 60, b.image, "")
	code, stdout, _ = b.run(t, "apply", "s/rest", running, "--dry-run")
	if code != 0 {
		t.Error("a dry run failed")
	}
	wants(t, stdout, "deployment.apps/rest would be created\n")
	if code, stdout, _ = b.run(t, "apply", "s/rest", running); code != 0 {
		t.Fatal("the server does not run")
	}
	wants(t, stdout, "deployment.apps/rest created\n", "deployment.apps/rest 2 replicas are available\n")
	first, _ := b.lock(t, "s/rest")
	code, stdout, _ = b.run(t, "apply", "s/rest", running)
	if code != 0 {
		t.Error("the server cannot be applied twice")
	}
	wants(t, stdout, "deployment.apps/rest unchanged\n")
	if _, stdout, _ = b.run(t, "diff", "s/rest", running); stdout != "s/rest: nothing would change\n" {
		t.Error("there is a difference")
	}

	const probe = "readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}"
	unready := fmt.Sprintf(server, 10, b.image, probe)
	_, stdout, _ = b.run(t, "diff", "s/rest", unready)
	wants(t, stdout, "  path: /readyz\n")
	code, stdout, stderr = b.run(t, "apply", "s/rest", unready)
	if code != 1 {
		t.Errorf("a server that never gets ready: exit code %d", code)
	}
	wants(t, stderr, "has timed out progressing")
	wants(t, stdout, "rest is not ready", "Readiness probe failed", "the last lines of pod rest-")
	if entry, _ := b.lock(t, "s/rest"); entry != first {
		t.Errorf("what failed is recorded: %+v", entry)
	}
}
