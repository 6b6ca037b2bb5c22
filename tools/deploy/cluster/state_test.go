package cluster

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// How far a workload is, read from what kubectl prints of it.
func TestState(t *testing.T) {
	for name, test := range map[string]struct {
		json  string
		least int32
		phase Phase
		text  string
	}{
		"a Deployment that the controller has not seen": {
			`{"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},"status":{"observedGeneration":1,"replicas":2,"updatedReplicas":2,"availableReplicas":2}}`, 0,
			Going, "waits for the controller",
		},
		"the first new replica": {
			`{"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},"status":{"observedGeneration":2,"replicas":3,"updatedReplicas":1,"availableReplicas":2}}`, 0,
			Going, "1 of 2 new replicas are there",
		},
		"an old replica": {
			`{"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},"status":{"observedGeneration":2,"replicas":3,"updatedReplicas":2,"availableReplicas":3}}`, 0,
			Going, "1 old replicas are still there",
		},
		"not yet available": {
			`{"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},"status":{"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":1}}`, 0,
			Going, "1 of 2 new replicas are available",
		},
		"a Deployment that is done": {
			`{"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},"status":{"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":2,
			"conditions":[{"type":"Progressing","status":"True","reason":"NewReplicaSetAvailable"}]}}`, 0,
			Done, "2 replicas are available",
		},
		"a Deployment that is stuck": {
			`{"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},"status":{"observedGeneration":2,"replicas":3,"updatedReplicas":1,"availableReplicas":2,
			"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded","message":"ReplicaSet \"a\" has timed out progressing."}]}}`, 0,
			Failed, `ReplicaSet "a" has timed out progressing.`,
		},
		"one replica where nothing says how many": {
			`{"kind":"Deployment","status":{"replicas":1,"updatedReplicas":1,"availableReplicas":1}}`, 0,
			Done, "1 replicas are available",
		},
		"one replica, before the autoscaler acts": {
			`{"kind":"Deployment","spec":{"replicas":1},"status":{"replicas":1,"updatedReplicas":1,"availableReplicas":1}}`, 3,
			Going, "1 replicas are available, and the autoscaler has yet to make them 3",
		},
		"the first replica, before the autoscaler acts": {
			`{"kind":"Deployment","spec":{"replicas":1},"status":{"replicas":1,"updatedReplicas":1}}`, 3,
			Going, "0 of 1 new replicas are available",
		},
		"as many replicas as the autoscaler keeps": {
			`{"kind":"Deployment","spec":{"replicas":3},"status":{"replicas":3,"updatedReplicas":3,"availableReplicas":3}}`, 3,
			Done, "3 replicas are available",
		},
		"more replicas than the autoscaler keeps at least": {
			`{"kind":"Deployment","spec":{"replicas":4},"status":{"replicas":4,"updatedReplicas":4,"availableReplicas":4}}`, 3,
			Done, "4 replicas are available",
		},
		"a Deployment that somebody has scaled to 0": {
			`{"kind":"Deployment","spec":{"replicas":0},"status":{}}`, 3,
			Done, "0 replicas are available",
		},
		"a Job that has no pod": {`{"kind":"Job","spec":{"selector":null},"status":{}}`, 0, Going, "starts"},
		"a Job that runs":       {`{"kind":"Job","status":{"active":1}}`, 0, Going, "runs"},
		"a Job that runs again": {`{"kind":"Job","status":{"active":1,"failed":2}}`, 0, Going, "runs, after 2 failed attempts"},
		"a Job that is complete": {
			`{"kind":"Job","status":{"succeeded":1,"conditions":[{"type":"SuccessCriteriaMet","status":"True"},{"type":"Complete","status":"True"}]}}`, 0,
			Done, "is complete",
		},
		"a Job that is about to be complete": {
			`{"kind":"Job","status":{"active":1,"conditions":[{"type":"SuccessCriteriaMet","status":"True"}]}}`, 0,
			Going, "runs",
		},
		"a Job that failed": {
			`{"kind":"Job","status":{"failed":1,"conditions":[{"type":"Failed","status":"True","reason":"PodFailurePolicy","message":"exit code 3"}]}}`, 0,
			Failed, "failed: PodFailurePolicy: exit code 3",
		},
		"a Service": {`{"kind":"Service","spec":{"selector":{"a":"b"}},"status":{"loadBalancer":{}}}`, 0, Done, "is there"},
	} {
		objects, err := decode([]byte(test.json))
		if err != nil || len(objects) != 1 {
			t.Fatalf("%s: %v, %v", name, objects, err)
		}
		if phase, text := objects[0].State(test.least); phase != test.phase || text != test.text {
			t.Errorf("%s: got %d, %q, want %d, %q", name, phase, text, test.phase, test.text)
		}
	}
}

// An autoscaler tells how many replicas of what there are at least: one, if it does
// not say.
func TestLeast(t *testing.T) {
	objects, err := decode([]byte(`
{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{}}
{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"a"},
"spec":{"minReplicas":2,"maxReplicas":6,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"a"}}}
{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"b"},
"spec":{"maxReplicas":6,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"b"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int32{"deployment.apps/a": 2, "deployment.apps/b": 1}, Least(objects)); diff != "" {
		t.Errorf("the fewest replicas (-want +got):\n%s", diff)
	}
}

// Two objects make the same pods if their templates say the same.
func TestSamePods(t *testing.T) {
	const one = `{"metadata":{"creationTimestamp":null,"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"i","env":null}]}}`
	for other, want := range map[string]bool{
		one: true,
		`{"spec":{"containers":[{"image":"i","name":"x"}]},"metadata":{"labels":{"a":"b"}}}`:                         true,
		`{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"j"}]}}`:                         false,
		`{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"i"},{"name":"y"}]}}`:            false,
		`{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"i","env":[]}]}}`:                false,
		`{"metadata":{"labels":{"a":"b"},"annotations":{"c":"d"}},"spec":{"containers":[{"name":"x","image":"i"}]}}`: false,
	} {
		objects, err := decode([]byte(`{"spec":{"template":` + one + `}}{"spec":{"template":` + other + `}}`))
		if err != nil || len(objects) != 2 {
			t.Fatal(objects, err)
		}
		if got := objects[0].SamePods(objects[1]); got != want {
			t.Errorf("%s: got %t, want %t", other, got, want)
		}
	}
}

// kubectl prints one object, or a list, or one after the other, or nothing.
func TestDecode(t *testing.T) {
	const a, b = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"selector":{"matchLabels":{"x":"1","a":"2"}}}}`,
		`{"apiVersion":"v1","kind":"Service","metadata":{"name":"b"}}`
	want := []string{"deployment.apps/a", "service/b"}
	for _, output := range []string{a + "\n" + b, `{"apiVersion":"v1","kind":"List","items":[` + a + "," + b + "]}"} {
		objects, err := decode([]byte(output))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, object := range objects {
			got = append(got, object.Resource())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", output, diff)
		}
		if got := selector(objects[0].Selector()); got != "a=2,x=1" {
			t.Errorf("the selector is %q", got)
		}
	}
	if objects, err := decode(nil); err != nil || len(objects) != 0 {
		t.Errorf("nothing: %v, %v", objects, err)
	}
	if objects, err := decode([]byte("error: no server")); err == nil || !strings.Contains(err.Error(), "reading what kubectl printed") {
		t.Errorf("no JSON: %v, %v", objects, err)
	}
}
