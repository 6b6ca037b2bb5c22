package handler_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// Without a valid key nothing can be done, whatever the path and the method.
func TestEveryRouteNeedsAKey(t *testing.T) {
	h := newHandler(t)
	playbook := send(h, http.MethodPost, "/v1/playbooks", `{"name":"n","steps":[{"kind":"CALL","title":"t"}]}`).Header().Get("Location")
	decode(t, send(h, http.MethodPost, playbook+":activate", ``), http.StatusOK)
	enrolment := send(h, http.MethodPost, playbook+"/enrolments", `{"contact":"c"}`).Header().Get("Location")
	refused := 0
	for _, path := range []string{
		"/v1/playbooks", playbook, playbook + ":activate", playbook + ":archive", playbook + "/enrolments", playbook + "/enrolments:batch",
		enrolment, enrolment + ":pause", enrolment + ":resume", enrolment + ":cancel",
		"/v1/webhooks/mailer", "/v1", "/", "//v1/playbooks", "/v1/webhooks/../playbooks", "/v1/webhooks/%2e%2e%2fplaybooks",
	} {
		for _, method := range []string{
			http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "BREW",
		} {
			request := httptest.NewRequest(method, path, nil)
			request.Header.Set("Authorization", "Bearer "+domain.Credential{Workspace: "acme", KeyID: missing}.Token())
			recorder := httptest.NewRecorder()
			h.ServeHTTP(recorder, request)
			switch recorder.Code {
			case http.StatusUnauthorized:
				refused++
			case http.StatusNotFound, http.StatusMethodNotAllowed:
			default:
				t.Errorf("%s %s: got %d: %s", method, path, recorder.Code, recorder.Body)
			}
		}
	}
	if refused < 18 {
		t.Errorf("%d requests were refused for their key, want 18 at least", refused)
	}
	decode(t, send(h, http.MethodGet, enrolment, ""), http.StatusOK)
}
