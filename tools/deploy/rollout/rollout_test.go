package rollout_test

import (
	"fmt"
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
func wait(t *testing.T, w rollout.Watch, answers ...string) (printed string, problem error) {
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
	printed, problem := wait(t, rollout.Watch{}, applied, applied, deployment("b", 2, ""))
	if problem == nil || problem.Error() != "somebody else changed deployment.apps/x meanwhile" {
		t.Errorf("the problem is %v, printed:\n%s", problem, printed)
	}
	if printed, problem := wait(t, rollout.Watch{}, applied, applied, deployment("a", 2, "")); problem != nil {
		t.Errorf("the problem is %v, printed:\n%s", problem, printed)
	}
}
