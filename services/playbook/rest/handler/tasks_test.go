package handler_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
)

// enrol puts a contact into a new active playbook of one step, and returns the
// enrolment.
func enrol(t *testing.T, h http.Handler) map[string]any {
	t.Helper()
	playbook := decode(t, send(h, http.MethodPost, "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"c ☎"}]}`), http.StatusCreated)
	path := fmt.Sprint("/v1/playbooks/", playbook["id"])
	decode(t, send(h, http.MethodPost, path+":activate", ""), http.StatusOK)
	return decode(t, send(h, http.MethodPost, path+"/enrolments", `{"contact":"crm:1"}`), http.StatusCreated)
}

// claim claims tasks, and returns the first and the token.
func claim(t *testing.T, h http.Handler) (task map[string]any, token string) {
	t.Helper()
	claimed := decode(t, send(h, http.MethodPost, "/v1/tasks:claim", `{"holder":"h","limit":5,"lease":"3600s"}`), http.StatusOK)
	tasks, _ := claimed["tasks"].([]any)
	if len(tasks) != 1 {
		t.Fatalf("the claim gave %v, want one task", claimed)
	}
	return tasks[0].(map[string]any), claimed["lease_token"].(string)
}

// Everything about a task gets through, in both directions, in all that can be done
// to it.
func TestTasks(t *testing.T) {
	h := newHandler(t)
	enrolment := enrol(t, h)
	task, token := claim(t, h)
	want := map[string]any{
		"id": task["id"], "enrolment_id": enrolment["id"], "playbook_id": enrolment["playbook_id"], "playbook_revision": 2.0,
		"contact": "crm:1", "step": 0.0, "kind": "CALL", "title": "c ☎", "due_at": "2026-01-02T03:04:05.000006Z",
		"state": "LEASED", "claimable_at": task["claimable_at"], "attempts": 1.0, "holder": "h", "outcome": "",
	}
	compare := func(what string, got map[string]any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	compare("what is claimed", task)
	path := fmt.Sprint("/v1/tasks/", task["id"])
	compare("what is read", decode(t, send(h, http.MethodGet, path, ""), http.StatusOK))
	renewed := decode(t, send(h, http.MethodPost, path+":renew", `{"lease_token":"`+token+`","lease":"7200s"}`), http.StatusOK)
	want["claimable_at"] = renewed["claimable_at"]
	compare("what is renewed", renewed)
	failed := decode(t, send(h, http.MethodPost, path+":fail", `{"lease_token":"`+token+`","outcome":"busy"}`), http.StatusOK)
	want["state"], want["outcome"], want["claimable_at"] = "PENDING", "busy", failed["claimable_at"]
	compare("what failed", failed)
	decode(t, send(h, http.MethodPost, path+":complete", `{"lease_token":"`+token+`","outcome":"done"}`), http.StatusUnprocessableEntity)

	enrol(t, h)
	task, token = claim(t, h)
	done := decode(t, send(h, http.MethodPost, fmt.Sprint("/v1/tasks/", task["id"], ":complete"), `{"lease_token":"`+token+`","outcome":"done"}`), http.StatusOK)
	if done["state"] != "DONE" || done["outcome"] != "done" {
		t.Errorf("what is completed is %v", done)
	}
	if got := send(h, http.MethodPost, "/v1/tasks:claim", `{"holder":"h"}`).Body.String(); got != `{"tasks":[]}`+"\n" {
		t.Errorf("where there are none the claim gave %s", got)
	}
}

// Every mistake is a problem with its status, and names its fields.
func TestTaskProblems(t *testing.T) {
	h := newHandler(t)
	path, body := "/v1/tasks/"+missing, `{"lease_token":"`+missing+`","outcome":"o"}`
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		fields                   []string
	}{
		{"a claim for nobody", "POST", "/v1/tasks:claim", `{"limit":101,"lease":"0.5s"}`, 400, []string{"lease"}},
		{"a claim of too many", "POST", "/v1/tasks:claim", `{"limit":101,"lease":"50000s"}`, 400, []string{"holder", "limit", "lease"}},
		{"a limit that is no number", "POST", "/v1/tasks:claim", `{"holder":"h","limit":"5"}`, 400, []string{"limit"}},
		{"a field that is not there", "POST", "/v1/tasks:claim", `{"holder":"h","kind":"CALL"}`, 400, []string{"kind"}},
		{"a bad ID", "GET", "/v1/tasks/x", "", 400, []string{"id"}},
		{"a missing task", "GET", path, "", 404, nil},
		{"to renew without a token", "POST", path + ":renew", `{}`, 400, []string{"lease_token"}},
		{"to renew a missing one", "POST", path + ":renew", `{"lease_token":"` + missing + `"}`, 404, nil},
		{"to complete without an outcome", "POST", path + ":complete", `{"lease_token":"` + missing + `"}`, 400, []string{"outcome"}},
		{"to complete a missing one", "POST", path + ":complete", body, 404, nil},
		{"to fail a missing one", "POST", path + ":fail", body, 404, nil},
		{"to fail without a body", "POST", path + ":fail", "", 400, []string{""}},
		{"to do something else", "POST", path + ":explode", body, 404, nil},
	} {
		recorder := send(h, test.method, test.path, test.body)
		var details problem.Details
		if err := json.Unmarshal(recorder.Body.Bytes(), &details); err != nil {
			t.Errorf("%s: got %s, which is not a problem", test.name, recorder.Body)
			continue
		}
		var fields []string
		for _, mistake := range details.Errors {
			fields = append(fields, mistake.Field)
		}
		if recorder.Code != test.status || !cmp.Equal(fields, test.fields) {
			t.Errorf("%s: got %d with fields %q, want %d with %q: %s", test.name, recorder.Code, fields, test.status, test.fields, recorder.Body)
		}
	}
}
