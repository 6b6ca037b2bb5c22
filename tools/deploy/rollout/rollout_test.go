package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/tools/deploy/cluster"
	"github.com/soketsugo/soketsugo/tools/deploy/rollout"
)

// script answers each look at the state with the next file, and then with the last
// one again. A file that begins with "Error" is a failure.
const script = `#!/bin/sh
cd "$(dirname "$0")" || exit 9
case " $* " in *" get --output=json "*) ;; *) exit 0 ;; esac
look=$(($(cat look) + 1))
[ -e "$look" ] && echo "$look" >look || look=$((look - 1))
case $(cat "$look") in Error*) cat "$look" >&2; exit 1 ;; esac
cat "$look"
`

// newCluster makes a cluster that gives these answers.
func newCluster(t *testing.T, answers []string) cluster.Cluster {
	t.Helper()
	folder := t.TempDir()
	files := map[string]string{"kubectl": script, "look": "0"}
	for i, answer := range answers {
		files[fmt.Sprint(i+1)] = answer
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return cluster.Cluster{Program: filepath.Join(folder, "kubectl")}
}

// deployment is one of two replicas, of which some are available, as kubectl
// prints it.
func deployment(image string, available int, more string) string {
	return fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},
"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"x","image":%q,"ports":[{"containerPort":8080}]}]}}},
"status":{"replicas":2,"updatedReplicas":2,"availableReplicas":%d%s}}`, image, available, more)
}

// wait waits for what is applied as the first answer has it.
func wait(t *testing.T, w *rollout.Watch, answers ...string) (printed string, problem error) {
	t.Helper()
	w.Cluster = newCluster(t, answers[:1])
	applied, err := w.Cluster.Get(t.Context(), "deployment.apps/x")
	if err != nil {
		t.Fatal(err)
	}
	w.Cluster = newCluster(t, answers[1:])
	var out strings.Builder
	w.Out, w.Interval = &out, time.Millisecond
	problem = w.Wait(t.Context(), applied)["deployment.apps/x"]
	return out.String(), problem
}

// What has other pods than were applied is not what was applied, however well it
// runs.
func TestWaitOther(t *testing.T) {
	applied := deployment("a", 1, "")
	printed, problem := wait(t, &rollout.Watch{}, applied, applied, deployment("b", 2, ""))
	if problem == nil || problem.Error() != "somebody else changed deployment.apps/x meanwhile" {
		t.Errorf("the problem is %v, printed:\n%s", problem, printed)
	}
	if printed, problem := wait(t, &rollout.Watch{}, applied, applied, deployment("a", 2, "")); problem != nil {
		t.Errorf("the problem is %v, printed:\n%s", problem, printed)
	}
}

// A cluster that does not answer for a while is asked again, and complained about
// once for each reason.
func TestWaitSilence(t *testing.T) {
	const away, refused = "Error: no route to host\n", "Error: connection refused\n"
	applied, done := deployment("a", 1, ""), deployment("a", 2, "")
	answers := []string{applied}
	for range 7 {
		answers = append(answers, away)
	}
	for range 7 {
		answers = append(answers, refused)
	}
	printed, problem := wait(t, &rollout.Watch{Patience: time.Minute}, append(answers, done)...)
	if problem != nil || strings.Count(printed, "no route to host") != 1 || strings.Count(printed, "connection refused") != 1 {
		t.Errorf("the problem is %v, printed:\n%s", problem, printed)
	}
	printed, problem = wait(t, &rollout.Watch{Patience: 20 * time.Millisecond}, applied, refused)
	if problem == nil || !strings.Contains(problem.Error(), "deployment.apps/x: no answer for 20ms: ") || !strings.Contains(problem.Error(), "connection refused") {
		t.Errorf("the problem is %v, printed:\n%s", problem, printed)
	}
}

// What was stuck before it was applied has some time until it counts as failed.
func TestWaitStuck(t *testing.T) {
	stuck := deployment("a", 1, `,"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded","message":"It has timed out."}]`)
	resource := map[string]bool{"deployment.apps/x": true}
	printed, problem := wait(t, &rollout.Watch{Stuck: resource, Grace: time.Minute}, stuck, stuck, stuck, deployment("a", 2, ""))
	if problem != nil || !strings.Contains(printed, "It has timed out. That was so before") {
		t.Errorf("mended: the problem is %v, printed:\n%s", problem, printed)
	}
	for name, w := range map[string]*rollout.Watch{"too long": {Stuck: resource, Grace: 50 * time.Millisecond}, "not before": {Grace: time.Minute}} {
		printed, problem := wait(t, w, stuck, stuck)
		if problem == nil || problem.Error() != "deployment.apps/x It has timed out." {
			t.Errorf("%s: the problem is %v, printed:\n%s", name, problem, printed)
		}
	}
}

// The end of the wait ends it also while the cluster does not answer.
func TestWaitEnds(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("gave up"))
	defer cancel()
	w := rollout.Watch{Cluster: newCluster(t, []string{"Error: connection refused\n"}), Interval: time.Millisecond, Patience: time.Minute, Out: io.Discard}
	workload := cluster.Object{APIVersion: "apps/v1", Kind: "Deployment", Metadata: cluster.Metadata{Name: "x"}}
	problem := w.Wait(ctx, []cluster.Object{workload})["deployment.apps/x"]
	if problem == nil || !strings.Contains(problem.Error(), "connection refused") || !strings.HasSuffix(problem.Error(), ": gave up") {
		t.Errorf("the problem is %v", problem)
	}
}
