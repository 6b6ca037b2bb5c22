package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/soketsugo/soketsugo/tools/deploy/command"
	"github.com/soketsugo/soketsugo/tools/deploy/lock"
	"github.com/soketsugo/soketsugo/tools/deploy/manifest"
	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
)

const (
	job        = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: s-migrate-1\n"
	deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: s-rest\n"
)

const environment = `contexts: [kind-a, kind-b]
confirm: %t
namespace: playbook
registry: %s
network:
  database: {port: 5432, to: [{ipBlock: {cidr: 10.0.0.0/8}}]}
  telemetry: {port: 4318, to: [{ipBlock: {cidr: 10.0.0.0/8}}]}
`

// A bench has what a deploy needs, and in the place of kubectl a script that
// plays a cluster; TestCluster uses a real one.
type bench struct {
	workspace  string
	answers    string
	kubeconfig string
	kubectl    string
	registry   string
	args       []string
}

// script answers each kind of call with a file, and with another from the second
// such call on, if there is one; either may be a failure.
const script = `#!/bin/sh
cd "$(dirname "$0")/answers" || exit 9
echo "$*" >>../calls
case " $* " in
*" delete "*) kind=delete ;;
*" get configmaps "*) kind=configmaps ;;
*" get replicasets"*) kind=users ;;
*" apply "*) cat >../applied; kind=apply ;;
*" --ignore-not-found "*) kind=current ;;
*" get pods "*) kind=pods ;;
*" get events "*) kind=events ;;
*" get "*) kind=state ;;
*" logs "*" --follow"*) kind=follow ;;
*" logs "*) kind=logs ;;
*" diff "*) kind=diff ;;
esac
if [ -e "$kind.seen" ] && [ -e "$kind.next.fails" ]; then cat "$kind.next.fails" >&2; exit 1; fi
[ ! -e "$kind.fails" ] || { cat "$kind.fails" >&2; exit 1; }
if [ -e "$kind.seen" ] && [ -e "$kind.next" ]; then cat "$kind.next"; elif [ -e "$kind" ]; then cat "$kind"; fi
: >"$kind.seen"
[ "$kind" != diff ] || [ ! -s diff ] || exit 1
`

func newBench(t *testing.T, confirm bool) *bench {
	t.Helper()
	folder := t.TempDir()
	b := &bench{
		workspace: filepath.Join(folder, "workspace"), answers: filepath.Join(folder, "answers"),
		kubeconfig: filepath.Join(folder, "kubeconfig"), kubectl: filepath.Join(folder, "kubectl"),
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	b.registry = strings.TrimPrefix(server.URL, "http://") + "/team"
	write(t, b.kubectl, script)
	if err := os.Chmod(b.kubectl, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(b.answers, "none"), "")
	write(t, filepath.Join(b.workspace, "README.md"), "")
	file := filepath.Join(folder, "staging.yaml")
	write(t, file, fmt.Sprintf(environment, confirm, b.registry))
	layout := imagedirtest.Write(t, imagedirtest.Good())
	write(t, filepath.Join(folder, "rest.yaml"), deployment)
	write(t, filepath.Join(folder, "migrate.yaml"), job)
	b.args = []string{
		"--environment=" + file,
		"--process=s/rest=" + filepath.Join(folder, "rest.yaml") + "," + layout,
		"--process=s/migrate=" + filepath.Join(folder, "migrate.yaml") + "," + layout,
	}
	return b
}

// commit makes a commit of the workspace, without which nothing is pushed.
func (b *bench) commit(t *testing.T) {
	t.Helper()
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "."},
		{"-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "--message=test"},
	} {
		git := exec.Command("git", args...)
		git.Dir = b.workspace
		if output, err := git.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, output)
		}
	}
}

func (b *bench) answer(t *testing.T, kind, content string) {
	t.Helper()
	write(t, filepath.Join(b.answers, kind), content)
}

// run runs the program with the fixed arguments of a target, then others.
func (b *bench) run(t *testing.T, stdin, verb string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problem strings.Builder
	getenv := func(name string) string {
		return map[string]string{"BUILD_WORKSPACE_DIRECTORY": b.workspace, "BUILD_WORKING_DIRECTORY": b.workspace}[name]
	}
	all := append([]string{verb}, b.args...)
	code = command.Run(t.Context(), append(all, args...), getenv, strings.NewReader(stdin), &out, &problem)
	return code, out.String(), problem.String()
}

func (b *bench) toCluster() []string {
	return []string{"--kubeconfig=" + b.kubeconfig, "--context=kind-a", "--kubectl=" + b.kubectl}
}

// calls returns what kubectl was called for, without what all calls have.
func (b *bench) calls(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(filepath.Dir(b.kubectl), "calls"))
	if err != nil {
		return nil
	}
	common := "--kubeconfig=" + b.kubeconfig + " --context=kind-a --namespace=playbook "
	var calls []string
	for line := range strings.Lines(string(content)) {
		call, ok := strings.CutPrefix(strings.TrimSpace(line), common)
		if !ok {
			t.Errorf("the call %q does not begin with %q", line, common)
		}
		calls = append(calls, call)
	}
	return calls
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What an environment does not allow does not reach the cluster.
func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		confirm bool
		stdin   string
		args    []string
		want    string
	}{
		"no kubeconfig":        {false, "", []string{"--context=kind-a"}, "give --kubeconfig, or set KUBECONFIG"},
		"several kubeconfigs":  {false, "", []string{"--context=kind-a", "--kubeconfig=a:b"}, "names several files"},
		"no context":           {false, "", []string{"--kubeconfig=x"}, "give --context; staging has kind-a, kind-b"},
		"another context":      {false, "", []string{"--kubeconfig=x", "--context=prod"}, `context "prod" is none of staging, which has kind-a, kind-b`},
		"nobody answers":       {true, "", []string{"--kubeconfig=x", "--context=kind-a"}, "nobody answered: give --yes"},
		"the answer is no":     {true, "no\n", []string{"--kubeconfig=x", "--context=kind-a"}, "nothing was changed"},
		"an unknown flag":      {false, "", []string{"--prune"}, "-prune"},
		"an argument too many": {false, "", []string{"now"}, `unexpected argument "now"`},
	} {
		b := newBench(t, test.confirm)
		code, _, stderr := b.run(t, test.stdin, "apply", append(test.args, "--kubectl="+b.kubectl)...)
		if code != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, stderr %q, want 2 and %q", name, code, stderr, test.want)
		}
		if calls := b.calls(t); calls != nil {
			t.Errorf("%s: kubectl was called: %q", name, calls)
		}
	}
}

// Ctrl-C ends the question too.
func TestInterruptedQuestion(t *testing.T) {
	b := newBench(t, true)
	nobody, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var stdout, stderr strings.Builder
	ended := make(chan int, 1)
	go func() {
		args := slices.Concat([]string{"apply"}, b.args, b.toCluster())
		ended <- command.Run(ctx, args, func(string) string { return "" }, nobody, &stdout, &stderr)
	}()
	select {
	case code := <-ended:
		if code != 2 || !strings.Contains(stderr.String(), "nothing was changed: context deadline exceeded") {
			t.Errorf("exit code %d, stderr %q", code, stderr.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it still waits for an answer")
	}
	if calls := b.calls(t); calls != nil {
		t.Errorf("kubectl was called: %q", calls)
	}
}

const complete = `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"s-migrate-1","uid":"j","resourceVersion":"7"},
"spec":{"selector":{"matchLabels":{"job":"j"}}},"status":{"succeeded":1,"conditions":[{"type":"Complete","status":"True"}]}}`

var failed = strings.Replace(complete, `"succeeded":1,"conditions":[{"type":"Complete","status":"True"}]`,
	`"failed":1,"conditions":[{"type":"Failed","status":"True","reason":"PodFailurePolicy","message":"exit code 3"}]`, 1)

func server(resourceVersion string, available int) string {
	return fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"s-rest","uid":"d","resourceVersion":%q,"generation":1},
"spec":{"replicas":1,"selector":{"matchLabels":{"app":"rest"}}},
"status":{"observedGeneration":1,"replicas":1,"updatedReplicas":1,"availableReplicas":%d}}`, resourceVersion, available)
}

// A Job is brought to its end before the servers are touched, and what it writes
// is shown. What runs then is noted with its digests and the commit.
func TestApplyJob(t *testing.T) {
	b := newBench(t, true)
	b.commit(t)
	b.args = append(b.args[:1], b.args[2]) // migrate alone
	running := strings.Replace(complete, `"succeeded":1,"conditions":[{"type":"Complete","status":"True"}]`, `"active":1`, 1)
	b.answer(t, "apply", running)
	b.answer(t, "state", running)
	b.answer(t, "state.next", complete)
	b.answer(t, "pods", `{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"s-migrate-1-x","uid":"p"},"status":{"phase":"Running"}}]}`)
	b.answer(t, "follow", "applied 0001\ndone")
	code, stdout, stderr := b.run(t, "staging\n", "apply", b.toCluster()...)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	for _, want := range []string{
		"To go on, type staging: ",
		"pushed " + b.registry + "/s-migrate@sha256:",
		"s/migrate: job.batch/s-migrate-1 created\n",
		"job.batch/s-migrate-1 runs\n",
		"s-migrate-1-x | applied 0001\ns-migrate-1-x | done\n",
		"job.batch/s-migrate-1 is complete\n",
		"s/migrate: staging runs sha256:",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the output:\n%s", want, stdout)
		}
	}
	l, err := lock.Read(lock.Path(b.workspace, "staging"))
	if err != nil {
		t.Fatal(err)
	}
	if e := l["s/migrate"]; len(l) != 1 || e.Manifest != manifest.Digest([]byte(job)) || len(e.Commit) != 40 {
		t.Errorf("the lock has %+v", l)
	}
	if calls := b.calls(t); len(calls) < 2 || calls[1] != "apply --server-side --field-manager=soketsugo --output=json --filename=-" {
		t.Errorf("kubectl was called for %q", calls)
	}
}

// Applied again, a Job that is complete is neither waited for nor run.
func TestApplyAgain(t *testing.T) {
	b := newBench(t, false)
	b.args = append(b.args[:1], b.args[2])
	b.answer(t, "current", complete)
	b.answer(t, "apply", complete)
	code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push")...)
	if code != 0 || !strings.Contains(stdout, "job.batch/s-migrate-1 unchanged\ns/migrate: job.batch/s-migrate-1 is complete already\n") {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	if strings.Contains(stdout, "pushed") {
		t.Errorf("it pushed:\n%s", stdout)
	}
}

// A Job that fails ends the deploy: the servers are not touched, the reason is
// shown, and the lock says nothing of it.
func TestApplyFails(t *testing.T) {
	b := newBench(t, false)
	b.commit(t)
	b.answer(t, "apply", failed)
	b.answer(t, "state", failed)
	b.answer(t, "pods", `{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"s-migrate-1-x","uid":"p"},"status":{"phase":"Failed",
"containerStatuses":[{"name":"migrate","state":{"terminated":{"exitCode":3,"reason":"Error"}}}]}}]}`)
	b.answer(t, "follow", "the database is newer\n")
	b.answer(t, "logs", "the database is newer\n")
	b.answer(t, "events", `{"items":[
{"type":"Warning","reason":"Elsewhere","message":"x","involvedObject":{"kind":"Pod","name":"other"}},
{"type":"Warning","reason":"BackoffLimitExceeded","message":"Job has failed","lastTimestamp":"2026-01-02T03:04:05Z","involvedObject":{"kind":"Job","name":"s-migrate-1"}}]}`)
	code, stdout, stderr := b.run(t, "", "apply", b.toCluster()...)
	if want := "deploy: s/migrate: job.batch/s-migrate-1 failed: PodFailurePolicy: exit code 3\n"; code != 1 || stderr != want {
		t.Errorf("exit code %d, stderr %q, want 1 and %q", code, stderr, want)
	}
	want := `s/migrate: what the cluster knows of job.batch/s-migrate-1:
  pod s-migrate-1-x: failed, migrate ended with exit code 3: Error
  event warning job/s-migrate-1: BackoffLimitExceeded: Job has failed
  the last lines of pod s-migrate-1-x:
    the database is newer
`
	if !strings.Contains(stdout, want) {
		t.Errorf("the reason is not in the output:\n%s", stdout)
	}
	if content, err := os.ReadFile(filepath.Join(filepath.Dir(b.kubectl), "applied")); err != nil || string(content) != job {
		t.Errorf("the last that was applied is %q, %v", content, err)
	}
	if l, err := lock.Read(lock.Path(b.workspace, "staging")); err != nil || len(l) != 0 {
		t.Errorf("the lock has %v, %v", l, err)
	}
}

// Applied again, a Job that failed is removed and runs anew.
func TestApplyFailedJobAgain(t *testing.T) {
	b := newBench(t, false)
	b.args = append(b.args[:1], b.args[2])
	b.answer(t, "current", failed)
	b.answer(t, "apply", failed)
	const why, remove = "s/migrate: job.batch/s-migrate-1 failed: PodFailurePolicy: exit code 3: ", "delete --ignore-not-found --output=name job.batch/s-migrate-1"
	args := append(b.toCluster(), "--no-push", "--timeout=5s")
	code, stdout, stderr := b.run(t, "", "apply", append(args, "--dry-run")...)
	if want := why + "would be removed, to run again\ns/migrate: job.batch/s-migrate-1 would be created\n"; code != 0 || stdout != want {
		t.Errorf("a dry run: exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	if calls := b.calls(t); slices.Contains(calls, remove) {
		t.Errorf("a dry run: kubectl was called for %q", calls)
	}

	b.answer(t, "delete.fails", "Error from server (Forbidden): you may not\n")
	code, _, stderr = b.run(t, "", "apply", args...)
	if want := "(Forbidden): you may not; somebody who may has to run kubectl --namespace=playbook delete job.batch/s-migrate-1"; code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("forbidden: exit code %d, stderr %q, want %q", code, stderr, want)
	}
	if err := os.Remove(filepath.Join(b.answers, "delete.fails")); err != nil {
		t.Fatal(err)
	}

	b.answer(t, "apply", strings.Replace(complete, `"resourceVersion":"7"`, `"resourceVersion":"9"`, 1))
	b.answer(t, "state", complete)
	code, stdout, stderr = b.run(t, "", "apply", args...)
	if want := why + "removed, to run again\ns/migrate: job.batch/s-migrate-1 created\n"; code != 0 || !strings.HasPrefix(stdout, want) {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	calls := b.calls(t)
	removed := slices.Index(calls[len(calls)-4:], remove)
	if applied := slices.Index(calls[len(calls)-4:], "apply --server-side --field-manager=soketsugo --output=json --filename=-"); removed < 0 || removed > applied {
		t.Errorf("kubectl was called for %q", calls)
	}
}

// A Deployment that was stuck and is applied unchanged, after what it lacked was
// mended, may still come to a good end; one that gets stuck now has failed.
func TestApplyStuck(t *testing.T) {
	stuck := strings.Replace(server("1", 0), `"availableReplicas":0`,
		`"availableReplicas":0,"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded","message":"It has timed out."}]`, 1)
	other := strings.Replace(stuck, `"spec":{`, `"spec":{"template":{"metadata":{"labels":{"other":"pods"}}},`, 1)
	for name, test := range map[string]struct {
		before string
		want   int
	}{"stuck before": {stuck, 0}, "other pods": {other, 1}, "new": {"", 1}} {
		b := newBench(t, false)
		b.args = b.args[:2] // rest alone
		b.answer(t, "current", test.before)
		b.answer(t, "apply", stuck)
		b.answer(t, "state", stuck)
		b.answer(t, "state.next", server("2", 1))
		code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push", "--timeout=5s")...)
		if code != test.want {
			t.Errorf("%s: exit code %d, stderr %q, stdout:\n%s", name, code, stderr, stdout)
		}
	}
}

// Where one process cannot be applied, those before it are waited for and noted all
// the same, and those behind it are left alone.
func TestApplyFailsLater(t *testing.T) {
	b := newBench(t, false)
	rest := b.args[1]
	b.args = append(b.args[:2], strings.Replace(rest, "s/rest=", "s/second=", 1), strings.Replace(rest, "s/rest=", "s/third=", 1))
	b.answer(t, "apply", server("2", 0))
	b.answer(t, "apply.next.fails", "error: a conflict\n")
	b.answer(t, "state", server("2", 1))
	code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push", "--timeout=5s")...)
	if want := "deploy: s/second: applying: exit status 1: error: a conflict\n"; code != 1 || stderr != want || !strings.Contains(stdout, "s/rest: staging runs sha256:") {
		t.Errorf("exit code %d, stderr %q, want %q, stdout:\n%s", code, stderr, want, stdout)
	}
	if l, err := lock.Read(lock.Path(b.workspace, "staging")); err != nil || len(l) != 1 || l["s/rest"].Image == "" {
		t.Errorf("the lock has %+v, %v", l, err)
	}
	applies := 0
	for _, call := range b.calls(t) {
		if strings.HasPrefix(call, "apply ") {
			applies++
		}
	}
	if applies != 2 {
		t.Errorf("%d processes were applied", applies)
	}
}

// What came to a good end is noted with its commit also if another process took too
// long.
func TestApplyNotesCommit(t *testing.T) {
	b := newBench(t, false)
	b.commit(t)
	b.args = append(b.args[:2], strings.Replace(b.args[1], "s/rest=", "s/slow=", 1))
	slow := strings.Replace(server("2", 0), "s-rest", "s-slow", 1)
	b.answer(t, "apply", server("2", 0))
	b.answer(t, "apply.next", slow)
	b.answer(t, "state", server("2", 1)+slow)
	code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push", "--timeout=1500ms")...)
	l, err := lock.Read(lock.Path(b.workspace, "staging"))
	if code != 1 || err != nil || len(l) != 1 || len(l["s/rest"].Commit) != 40 {
		t.Errorf("exit code %d, stderr %q, the lock has %+v, %v, stdout:\n%s", code, stderr, l, err, stdout)
	}
}

// What is noted of a process counts no more once the cluster was touched, until
// the deploy has come to a good end.
func TestApplyIncomplete(t *testing.T) {
	b := newBench(t, false)
	b.args = b.args[:2] // rest alone
	path := lock.Path(b.workspace, "staging")
	before := lock.Entry{Image: "sha256:" + strings.Repeat("1", 64), Manifest: "sha256:" + strings.Repeat("2", 64), Commit: "c"}
	if err := lock.Record(path, "s/rest", before); err != nil {
		t.Fatal(err)
	}
	noted := func() lock.Entry {
		l, err := lock.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		return l["s/rest"]
	}
	args := append(b.toCluster(), "--no-push")
	b.answer(t, "apply", server("2", 0))
	if code, _, stderr := b.run(t, "", "apply", append(args, "--dry-run")...); code != 0 || noted() != before {
		t.Errorf("a dry run: exit code %d, stderr %q, noted %+v", code, stderr, noted())
	}
	b.answer(t, "apply.fails", "error: the connection was lost\n")
	code, _, stderr := b.run(t, "", "apply", args...)
	if e := noted(); code != 1 || !strings.Contains(stderr, "the connection was lost") || !e.Incomplete || e.Image != before.Image || e.Commit != before.Commit {
		t.Errorf("after a failure: exit code %d, stderr %q, noted %+v", code, stderr, e)
	}
	if err := os.Remove(filepath.Join(b.answers, "apply.fails")); err != nil {
		t.Fatal(err)
	}
	b.answer(t, "state", server("2", 1))
	code, _, stderr = b.run(t, "", "apply", args...)
	if e := noted(); code != 0 || e.Incomplete || e.Image == before.Image {
		t.Errorf("after a good end: exit code %d, stderr %q, noted %+v", code, stderr, e)
	}
}

// A server that does not get ready in time is a failure with its reason.
func TestApplyTimesOut(t *testing.T) {
	b := newBench(t, false)
	b.args = b.args[:2] // rest alone
	b.answer(t, "current", server("1", 1))
	b.answer(t, "apply", server("2", 0))
	b.answer(t, "state", server("2", 0))
	b.answer(t, "pods", `{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"s-rest-x"},"status":{"phase":"Pending",
"containerStatuses":[{"name":"rest","state":{"waiting":{"reason":"ImagePullBackOff","message":"no such image"}}}]}}]}`)
	code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push", "--timeout=1500ms")...)
	if code != 1 || !strings.Contains(stderr, "deployment.apps/s-rest 0 of 1 new replicas are available: gave up after 1.5s") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	for _, want := range []string{"deployment.apps/s-rest changed\n", "pod s-rest-x: pending, rest waits: ImagePullBackOff no such image\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the output:\n%s", want, stdout)
		}
	}
}

// What the manifest of rest has made in the cluster so far.
func config(name, labels string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q,"labels":{%s}}}`, name, labels)
}

const ours = `"app.kubernetes.io/name":"s-rest","app.kubernetes.io/instance":"s-rest-staging","app.kubernetes.io/managed-by":"soketsugo"`

// oldConfigs is a bench where rest has run with other ConfigMaps before.
func oldConfigs(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, false)
	b.args = b.args[:2] // rest alone
	now := config("s-rest-nnnnnnnnnn", ours) + "\n" + server("2", 1)
	b.answer(t, "current", now)
	b.answer(t, "apply", now)
	b.answer(t, "state", server("2", 1))
	var all []string
	for _, name := range []string{
		"s-rest-nnnnnnnnnn", "s-rest-2222222222", "s-rest-bbbbbbbbbb", "s-rest-cccccccccc", "s-rest-dddddddddd", "s-rest-by-hand", "s-rest-canary-ffffffffff",
	} {
		all = append(all, config(name, ours))
	}
	b.answer(t, "configmaps", `{"kind":"List","items":[`+strings.Join(all, ",")+`]}`)
	b.answer(t, "users", `{"kind":"List","items":[
{"kind":"ReplicaSet","spec":{"template":{"spec":{"containers":[{"envFrom":[{"configMapRef":{"name":"s-rest-nnnnnnnnnn"}}]}]}}}},
{"kind":"ReplicaSet","spec":{"template":{"spec":{"containers":[{"envFrom":[{"configMapRef":{"name":"s-rest-bbbbbbbbbb"}}]}]}}}},
{"kind":"Pod","spec":{"volumes":[{"projected":{"sources":[{"configMap":{"name":"s-rest-cccccccccc"}}]}}]}}]}`)
	return b
}

const (
	listing = "get configmaps --output=json --selector=app.kubernetes.io/instance=s-rest-staging,app.kubernetes.io/managed-by=soketsugo,app.kubernetes.io/name=s-rest"
	users   = "get replicasets.apps,jobs.batch,pods --output=json --selector=app.kubernetes.io/name=s-rest"
	removal = "delete configmaps --ignore-not-found --wait=false --output=name s-rest-2222222222 s-rest-dddddddddd"
)

// ConfigMaps of earlier contents go once a server runs, but for those that a
// rollback would need and those that are not ours.
func TestPrune(t *testing.T) {
	b := oldConfigs(t)
	code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push")...)
	if code != 0 || !strings.HasSuffix(stdout, "s/rest: configmap/s-rest-2222222222 removed\ns/rest: configmap/s-rest-dddddddddd removed\n") {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	want := []string{
		"get --ignore-not-found --output=json --filename=-",
		listing,
		"apply --server-side --field-manager=soketsugo --output=json --filename=-",
		"get --output=json deployment.apps/s-rest",
		users,
		removal,
	}
	if diff := cmp.Diff(want, b.calls(t)); diff != "" {
		t.Errorf("calls of kubectl (-want +got):\n%s", diff)
	}
}

// A dry run says which would go.
func TestPruneDryRun(t *testing.T) {
	b := oldConfigs(t)
	code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push", "--dry-run")...)
	if code != 0 || !strings.HasSuffix(stdout, "s/rest: configmap/s-rest-2222222222 would be removed\ns/rest: configmap/s-rest-dddddddddd would be removed\n") {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	if calls := b.calls(t); slices.Contains(calls, removal) {
		t.Errorf("kubectl was called for %q", calls)
	}
}

// Who may not see, or not remove, old ConfigMaps can deploy all the same.
func TestPruneFails(t *testing.T) {
	for _, kind := range []string{"configmaps", "users", "delete"} {
		b := oldConfigs(t)
		b.answer(t, kind+".fails", "Error from server (Forbidden): you may not\n")
		code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push")...)
		if code != 0 || !strings.Contains(stdout, "s/rest: old ConfigMaps stay: ") || !strings.HasSuffix(stdout, "(Forbidden): you may not\n") ||
			strings.Contains(stdout, "removed") {
			t.Errorf("%s: exit code %d, stderr %q, stdout:\n%s", kind, code, stderr, stdout)
		}
		if calls := b.calls(t); kind != "delete" && slices.Contains(calls, removal) {
			t.Errorf("%s: kubectl was called for %q", kind, calls)
		}
	}
}

// What fails may have to go back: nothing is removed.
func TestNoPruneAfterFailure(t *testing.T) {
	b := oldConfigs(t)
	b.answer(t, "state", server("2", 0))
	code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push", "--timeout=1500ms")...)
	if calls := b.calls(t); code != 1 || slices.Contains(calls, removal) || strings.Contains(stdout, "removed") {
		t.Errorf("exit code %d, stderr %q, kubectl was called for %q, stdout:\n%s", code, stderr, calls, stdout)
	}
}

// A new Deployment is not done before its autoscaler has made it as large as it
// keeps it.
func TestApplyWaitsForAutoscaler(t *testing.T) {
	b := newBench(t, false)
	b.args = b.args[:2]
	b.answer(t, "apply", server("1", 0)+`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"s-rest"},
"spec":{"minReplicas":2,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"s-rest"}}}`)
	b.answer(t, "state", server("2", 1))
	b.answer(t, "state.next", strings.NewReplacer(`replicas":1`, `replicas":2`, `Replicas":1`, `Replicas":2`).Replace(server("3", 1)))
	code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push")...)
	_, after, waited := strings.Cut(stdout, "deployment.apps/s-rest 1 replicas are available, and the autoscaler has yet to make them 2\n")
	if code != 0 || !waited || !strings.Contains(after, "deployment.apps/s-rest 2 replicas are available\n") {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
}

// A dry run asks registry and cluster, and changes neither.
func TestDryRun(t *testing.T) {
	b := newBench(t, true)
	b.commit(t)
	b.args = b.args[:2]
	b.answer(t, "apply", server("2", 0))
	code, stdout, stderr := b.run(t, "", "apply", append(b.toCluster(), "--dry-run")...)
	if code != 0 || !strings.Contains(stdout, "would push ") || !strings.Contains(stdout, "deployment.apps/s-rest would be created\n") {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	want := []string{
		"get --ignore-not-found --output=json --filename=-",
		"apply --server-side --field-manager=soketsugo --output=json --filename=- --dry-run=server",
	}
	if diff := cmp.Diff(want, b.calls(t)); diff != "" {
		t.Errorf("calls of kubectl (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(lock.Path(b.workspace, "staging")); err == nil {
		t.Error("a dry run wrote the lock")
	}
}

// What kubectl says of an error reaches the user.
func TestClusterError(t *testing.T) {
	b := newBench(t, false)
	b.answer(t, "current.fails", "error: You must be logged in to the server (Unauthorized)\n")
	code, _, stderr := b.run(t, "", "apply", append(b.toCluster(), "--no-push")...)
	if code != 1 || !strings.Contains(stderr, "s/migrate: reading what is there: exit status 1: error: You must be logged in") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	code, _, stderr = b.run(t, "", "apply", "--no-push", "--kubeconfig=x", "--context=kind-a", "--kubectl=no-such-program")
	if code != 1 || !strings.Contains(stderr, "install kubectl") {
		t.Errorf("without kubectl: exit code %d, stderr %q", code, stderr)
	}
}

// diff prints what the cluster says, also that nothing would change.
func TestDiff(t *testing.T) {
	b := newBench(t, true)
	b.args = b.args[:2]
	if code, stdout, stderr := b.run(t, "", "diff", b.toCluster()...); code != 0 || stdout != "s/rest: nothing would change\n" {
		t.Errorf("no difference: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	b.answer(t, "diff", "-replicas: 1\n+replicas: 2\n")
	if code, stdout, stderr := b.run(t, "", "diff", b.toCluster()...); code != 0 || stdout != "-replicas: 1\n+replicas: 2\n" {
		t.Errorf("a difference: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if code, _, stderr := b.run(t, "", "diff", append(b.toCluster(), "--force-conflicts")...); code != 0 {
		t.Errorf("with force: exit code %d, stderr %q", code, stderr)
	}
	const call = "diff --server-side --field-manager=soketsugo --filename=-"
	if diff := cmp.Diff([]string{call, call, call + " --force-conflicts"}, b.calls(t)); diff != "" {
		t.Errorf("calls of kubectl (-want +got):\n%s", diff)
	}
}

// render needs no cluster and prints one YAML stream.
func TestRender(t *testing.T) {
	b := newBench(t, true)
	code, stdout, stderr := b.run(t, "", "render")
	if want := deployment + "---\n" + job; code != 0 || stdout != want {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
}

// export writes a file for each process below the folder, which is meant where
// the user is.
func TestExport(t *testing.T) {
	b := newBench(t, false)
	b.args = b.args[1:2]
	b.args[0] = strings.Replace(b.args[0], "s/rest=", "staging/s/rest=", 1)
	code, stdout, stderr := b.run(t, "", "export", "out")
	file := filepath.Join(b.workspace, "out/staging/s/rest.yaml")
	if content, err := os.ReadFile(file); code != 0 || err != nil || string(content) != deployment || stdout != "wrote "+file+"\n" {
		t.Errorf("exit code %d, stderr %q, stdout %q, content %q, %v", code, stderr, stdout, content, err)
	}
	if code, _, stderr := b.run(t, "", "export"); code != 2 || !strings.Contains(stderr, "give the folder") {
		t.Errorf("without a folder: exit code %d, stderr %q", code, stderr)
	}
}

// push hands its flags on, for each process.
func TestPushAll(t *testing.T) {
	b := newBench(t, false)
	b.commit(t)
	b.args = b.args[1:]
	code, stdout, stderr := b.run(t, "", "push", "--repository="+b.registry, "--json")
	if code != 0 {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	decoder := json.NewDecoder(strings.NewReader(stdout))
	for _, name := range []string{"s-rest", "s-migrate"} {
		var report struct{ Image string }
		if err := decoder.Decode(&report); err != nil || !strings.HasPrefix(report.Image, b.registry+"/"+name+"@sha256:") {
			t.Errorf("the report of %s names %q, %v", name, report.Image, err)
		}
	}
	if code, _, stderr := b.run(t, "", "push"); code != 2 || !strings.Contains(stderr, "--repository is missing") {
		t.Errorf("without a repository: exit code %d, stderr %q", code, stderr)
	}
	if code, stdout, _ := b.run(t, "", "push", "--help"); code != 0 || strings.Count(stdout, "usage: push") != 1 {
		t.Errorf("help: exit code %d, stdout %q", code, stdout)
	}
}
