package processtest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/paths"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/soketsugo/soketsugo/services/playbook/rest/keytest"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi"
)

// contract sends requests to the rest process and holds each of them, and each
// answer, against the document.
type contract struct {
	base  string
	model *v3.Document
	// requests takes what the document describes; answers refuses what it does not
	// mention, too.
	requests, answers validator.Validator
	// seen has the statuses that came, by operation.
	seen map[string]map[string]bool
}

func newContract(t *testing.T, base string) *contract {
	t.Helper()
	document, err := libopenapi.NewDocument(openapi.Document)
	if err != nil {
		t.Fatal(err)
	}
	built, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{base: base, model: &built.Model, seen: map[string]map[string]bool{}}
	c.requests = validator.NewValidatorFromV3Model(c.model, config.WithFormatAssertions())
	c.answers = validator.NewValidatorFromV3Model(c.model, config.WithFormatAssertions(), config.WithStrictMode())
	return c
}

// send returns the answer and its body.
func (c *contract) send(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	build := func() *http.Request {
		request, err := http.NewRequestWithContext(t.Context(), method, c.base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", keytest.Authorization())
		if body != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		for i := 0; i+1 < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		return request
	}
	answer, err := http.DefaultClient.Do(build())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	what := fmt.Sprintf("%s %s %.200s: %s", method, path, body, answer.Status)
	item, path := c.find(t, build(), answer, what)
	if item == nil {
		return answer, string(data)
	}
	if mistakes := c.mistakes(build, item, path); answer.StatusCode < http.StatusBadRequest && len(mistakes) > 0 {
		t.Errorf("%s, but the document refuses it: %v", what, texts(mistakes))
	}
	answers := c.answers
	if path == "/openapi.json" {
		// It is only described as some object.
		answers = c.requests
	}
	answer.Body = io.NopCloser(bytes.NewReader(data))
	if valid, mistakes := answers.GetResponseBodyValidator().ValidateResponseBodyWithPathItem(build(), answer, item, path); !valid {
		t.Errorf("%s is answered with what the document does not describe: %v\n%s", what, texts(mistakes), data)
	}
	return answer, string(data)
}

// expect sends a request, which must have a status, and returns the body of the
// answer.
func (c *contract) expect(t *testing.T, status int, method, path, body string, headers ...string) string {
	t.Helper()
	answer, text := c.send(t, method, path, body, headers...)
	if answer.StatusCode != status {
		t.Errorf("%s %s %.100s: got %s, want %d: %s", method, path, body, answer.Status, status, text)
	}
	return text
}

// mistakes returns what the document has against a request.
func (c *contract) mistakes(build func() *http.Request, item *v3.PathItem, path string) []*errors.ValidationError {
	parameters := c.requests.GetParameterValidator()
	_, query := parameters.ValidateQueryParamsWithPathItem(build(), item, path)
	_, headers := parameters.ValidateHeaderParamsWithPathItem(build(), item, path)
	_, body := c.requests.GetRequestBodyValidator().ValidateRequestBodyWithPathItem(build(), item, path)
	return slices.Concat(query, headers, body)
}

// find returns where in the document a request is, and notes the status of its
// answer, which the operation must have by name. The validator's own way to find it
// knows nothing of a path like {id}:activate.
func (c *contract) find(t *testing.T, request *http.Request, answer *http.Response, what string) (*v3.PathItem, string) {
	t.Helper()
	item, mistakes, path := paths.FindPath(request, c.model, nil)
	if len(mistakes) > 0 {
		if answer.StatusCode != http.StatusNotFound && answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s, but it is not in the document", what)
		}
		return nil, ""
	}
	operation := item.GetOperations().GetOrZero(strings.ToLower(request.Method))
	status := fmt.Sprint(answer.StatusCode)
	if operation.Responses.Codes.GetOrZero(status) == nil {
		t.Errorf("%s, but %s %s does not have that status", what, request.Method, path)
		return nil, ""
	}
	if c.seen[operation.OperationId] == nil {
		c.seen[operation.OperationId] = map[string]bool{}
	}
	c.seen[operation.OperationId][status] = true
	return item, path
}

// complete fails the test for each status in the document that never came.
func (c *contract) complete(t *testing.T, except map[string]string) {
	t.Helper()
	for _, item := range c.model.Paths.PathItems.FromOldest() {
		for _, operation := range item.GetOperations().FromOldest() {
			for status := range operation.Responses.Codes.FromOldest() {
				name := operation.OperationId + " " + status
				if came, excepted := c.seen[operation.OperationId][status], except[name] != ""; came == excepted {
					t.Errorf("%s: came %v, excepted %v", name, came, excepted)
				}
			}
		}
	}
}

func texts(mistakes []*errors.ValidationError) string {
	var found []string
	for _, mistake := range mistakes {
		found = append(found, mistake.Error())
	}
	return strings.Join(found, "; ")
}

const (
	nobody        = "00000000-0000-0000-0000-000000000000"
	webhookSecret = "correct horse battery"
	someSteps     = `"steps":[{"kind":"EMAIL","title":"Say hello"},{"kind":"CALL","title":"Ask","delay":"86400s"}]`
)

// What the rest process takes and answers is what the document says: every
// operation, with every status of it.
func TestContract(t *testing.T) {
	databaseURL := migrated(t)
	c, _ := start(t, restProcess, map[string]string{"DATABASE_URL": databaseURL, "WEBHOOK_SECRETS": "mailer:default:" + webhookSecret})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	api := newContract(t, "http://"+c.Addr("http"))
	create := func(path, body string) string {
		t.Helper()
		answer, text := api.send(t, "POST", path, body)
		if answer.StatusCode != http.StatusCreated {
			t.Fatalf("creating %s: %s, %s", body, answer.Status, text)
		}
		return answer.Header.Get("Location")
	}
	expect := func(status int, method, path, body string, headers ...string) string {
		t.Helper()
		return api.expect(t, status, method, path, body, headers...)
	}
	var (
		draft    = create("/v1/playbooks", `{"name":"Welcome","description":"d",`+someSteps+`}`)
		empty    = create("/v1/playbooks", `{"name":"Empty"}`)
		tooLarge = strings.Repeat(" ", 1<<20) + "{}"
		mistakes = []string{
			"{", "[]", "null", `"x"`, `{"name":1}`, `{"name":""}`, `{"name":" n"}`, `{"nmae":"n"}`, `{"name":"n","name":"m"}`, `{"name":"n"}x`, `{"name":"n","steps":{}}`,
			`{"name":"n","steps":[1]}`, `{"name":"n","steps":[{"kind":"FAX","title":"t"}]}`, `{"name":"n","steps":[{"kind":"CALL"}]}`,
			`{"name":"n","steps":[{"kind":"CALL","title":"t","delay":"1h"}]}`, `{"name":"n","steps":[{"kind":"CALL","title":"t","dealy":"1s"}]}`,
		}
	)
	for _, body := range mistakes {
		expect(400, "POST", "/v1/playbooks", body)
		expect(400, "PATCH", draft, body)
	}
	for _, write := range []struct{ method, path string }{{"POST", "/v1/playbooks"}, {"PATCH", draft}, {"POST", draft + "/enrolments"}} {
		expect(413, write.method, write.path, tooLarge)
		expect(415, write.method, write.path, `{"name":"n"}`, "Content-Type", "text/plain")
	}
	for _, path := range []string{"/v1/playbooks/" + nobody, "/v1/enrolments/" + nobody} {
		expect(404, "GET", path, "")
	}
	expect(200, "GET", draft, "")
	expect(304, "GET", draft, "", "If-None-Match", `"1"`)
	expect(400, "GET", "/v1/playbooks/x", "")
	expect(400, "GET", "/v1/enrolments/x", "")
	expect(200, "GET", "/v1/playbooks", "")
	expect(200, "GET", "/v1/playbooks?page_size=1", "")
	expect(400, "GET", "/v1/playbooks?page_size=x", "")
	expect(400, "GET", "/v1/playbooks?page_size=-1", "")
	expect(400, "GET", "/v1/playbooks?page_token=x", "")
	expect(404, "GET", "/v2", "")
	expect(405, "DELETE", draft, "")

	expect(200, "PATCH", draft, `{}`)
	expect(200, "PATCH", draft, `{"name":"Hello",`+someSteps+`}`, "If-Match", `"1"`)
	expect(412, "PATCH", draft, `{"name":"Hi"}`, "If-Match", `"1"`)
	expect(400, "PATCH", draft, `{"name":"Hi"}`, "If-Match", `1`)
	expect(404, "PATCH", "/v1/playbooks/"+nobody, `{"name":"Hi"}`)
	expect(422, "POST", draft+"/enrolments", `{"contact":"crm:1"}`)
	for _, action := range []string{":activate", ":archive"} {
		expect(400, "POST", draft+action, `{"x":1}`)
		expect(404, "POST", "/v1/playbooks/"+nobody+action, "")
		expect(412, "POST", draft+action, "", "If-Match", `"1"`)
		expect(413, "POST", draft+action, tooLarge)
		expect(422, "POST", empty+action, "")
		if action == ":activate" {
			expect(200, "POST", draft+action, "", "If-Match", `"2"`)
		}
	}
	enrolment := create(draft+"/enrolments", `{"contact":"crm:1"}`)
	expect(409, "POST", draft+"/enrolments", `{"contact":"crm:1"}`)
	expect(404, "POST", "/v1/playbooks/"+nobody+"/enrolments", `{"contact":"crm:1"}`)
	for _, body := range []string{`{}`, `{"contact":1}`, `{"contact":""}`, `{"contact":"c","x":1}`} {
		expect(400, "POST", draft+"/enrolments", body)
	}
	expect(200, "GET", enrolment, "")
	for _, action := range []string{":pause", ":resume", ":cancel"} {
		expect(200, "POST", enrolment+action, "")
		expect(400, "POST", enrolment+action, `{"x":1}`)
		expect(404, "POST", "/v1/enrolments/"+nobody+action, "")
		expect(413, "POST", enrolment+action, tooLarge)
	}
	for _, action := range []string{":pause", ":resume"} {
		expect(422, "POST", enrolment+action, "")
	}
	enrolments := draft + "/enrolments"
	expect(200, "GET", enrolments+"?state=CANCELLED&contact=crm:1&page_size=1", "")
	expect(400, "GET", enrolments+"?state=x", "")
	expect(404, "GET", "/v1/playbooks/"+nobody+"/enrolments", "")
	expect(200, "POST", enrolments+":batch", `{"contacts":["crm:1","crm:1",""]}`)
	for _, body := range []string{`{}`, `{"contacts":[]}`, `{"contacts":[1]}`, `{"contacts":"c"}`} {
		expect(400, "POST", enrolments+":batch", body)
	}
	expect(404, "POST", "/v1/playbooks/"+nobody+"/enrolments:batch", `{"contacts":["crm:1"]}`)
	expect(413, "POST", enrolments+":batch", tooLarge)
	expect(415, "POST", enrolments+":batch", `{"contacts":["crm:1"]}`, "Content-Type", "text/plain")
	expect(422, "POST", empty+"/enrolments:batch", `{"contacts":["crm:1"]}`)
	walkTasks(t, api, draft, tooLarge)
	expect(200, "POST", draft+":archive", "")
	expect(422, "PATCH", draft, `{"name":"Hi"}`)

	for _, path := range []string{"/openapi.json", "/docs"} {
		answer, _ := api.send(t, "GET", path, "")
		expect(304, "GET", path, "", "If-None-Match", answer.Header.Get("ETag"))
	}
	walkKeys(t, api, keytest.AddFor(t, databaseURL, "read"), keytest.AddFor(t, databaseURL, "write"))
	walkWebhooks(t, api)
	const race = "needs another writer at the same moment; the stores' tests have one"
	api.complete(t, map[string]string{
		"updatePlaybook 409": race, "activatePlaybook 409": race, "archivePlaybook 409": race,
		"pauseEnrolment 409": race, "resumeEnrolment 409": race, "cancelEnrolment 409": race, "enrolContacts 409": race,
		"createPlaybook 409": race, "claimTasks 409": race, "renewTask 409": race, "completeTask 409": race, "failTask 409": race,
	})
}

// walkTasks does the work of the first step of an active playbook, in all ways that
// end.
func walkTasks(t *testing.T, api *contract, playbook, tooLarge string) {
	t.Helper()
	for _, contact := range []string{"crm:2", "crm:3"} {
		api.expect(t, 201, "POST", playbook+"/enrolments", `{"contact":"`+contact+`"}`)
	}
	var claimed struct {
		Tasks      []struct{ ID string }
		LeaseToken string `json:"lease_token"`
	}
	text := api.expect(t, 200, "POST", "/v1/tasks:claim", `{"holder":"worker","limit":100,"lease":"60s"}`)
	if err := json.Unmarshal([]byte(text), &claimed); err != nil || len(claimed.Tasks) < 2 {
		t.Fatalf("claiming: %v, %s", err, text)
	}
	api.expect(t, 200, "POST", "/v1/tasks:claim", `{"holder":"another"}`)
	for _, body := range []string{`{}`, `{"holder":"w","limit":101}`, `{"holder":"w","limit":"1"}`, `{"holder":"w","lease":"43201s"}`, `{"holder":"w","x":1}`} {
		api.expect(t, 400, "POST", "/v1/tasks:claim", body)
	}
	api.expect(t, 413, "POST", "/v1/tasks:claim", tooLarge)
	api.expect(t, 415, "POST", "/v1/tasks:claim", `{"holder":"w"}`, "Content-Type", "text/plain")
	done, failed := "/v1/tasks/"+claimed.Tasks[0].ID, "/v1/tasks/"+claimed.Tasks[1].ID
	api.expect(t, 200, "GET", done, "")
	api.expect(t, 400, "GET", "/v1/tasks/x", "")
	api.expect(t, 404, "GET", "/v1/tasks/"+nobody, "")
	renewal := `{"lease_token":"` + claimed.LeaseToken + `","lease":"90s"}`
	end := `{"lease_token":"` + claimed.LeaseToken + `","outcome":"so it is"}`
	for _, action := range []struct{ path, body string }{{done + ":renew", renewal}, {done + ":complete", end}, {failed + ":fail", end}} {
		verb := action.path[strings.LastIndexByte(action.path, ':'):]
		stranger := strings.Replace(action.body, claimed.LeaseToken, nobody, 1)
		api.expect(t, 422, "POST", action.path, stranger)
		api.expect(t, 404, "POST", "/v1/tasks/"+nobody+verb, action.body)
		api.expect(t, 400, "POST", action.path, `{}`)
		api.expect(t, 413, "POST", action.path, tooLarge)
		api.expect(t, 415, "POST", action.path, action.body, "Content-Type", "text/plain")
		api.expect(t, 200, "POST", action.path, action.body)
	}
}

// walkKeys tries every operation that needs a key without one, with one for
// something else, and, where it can be repeated, with a name of another request.
func walkKeys(t *testing.T, api *contract, reads, writes string) {
	t.Helper()
	for template, item := range api.model.Paths.PathItems.FromOldest() {
		path := strings.Replace(template, "{id}", nobody, 1)
		for method, operation := range item.GetOperations().FromOldest() {
			if operation.Security != nil {
				continue // it needs no key
			}
			method, lacks := strings.ToUpper(method), reads
			if method == http.MethodGet {
				lacks = writes
			}
			api.expect(t, 401, method, path, "", "Authorization", "Bearer pb_nobody")
			api.expect(t, 403, method, path, "", "Authorization", lacks)
			if method == http.MethodPost {
				api.expect(t, 400, method, path, `{"x":1}`, "Idempotency-Key", template)
				api.expect(t, 400, method, path, `{"x":1}`, "Idempotency-Key", template)
				api.expect(t, 422, method, path, `{"y":1}`, "Idempotency-Key", template)
			}
		}
	}
}

// walkWebhooks tells of events.
func walkWebhooks(t *testing.T, api *contract) {
	t.Helper()
	const path = "/v1/webhooks/mailer"
	tell := func(status int, body string, headers ...string) {
		t.Helper()
		timestamp := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(webhookSecret))
		fmt.Fprintf(mac, "%s.%s", timestamp, body)
		headers = append([]string{"X-Timestamp", timestamp, "X-Signature", "sha256=" + hex.EncodeToString(mac.Sum(nil))}, headers...)
		api.expect(t, status, "POST", path, body, headers...)
	}
	const event = `{"id":"evt_1","type":"reply","contact":"crm:4711","occurred_at":"2026-01-02T03:04:05Z"}`
	tell(202, event)
	tell(202, event)
	tell(400, `{"id":"evt_2"}`)
	tell(401, event, "X-Signature", "sha256="+strings.Repeat("0", 64))
	tell(413, event+strings.Repeat(" ", 16<<10))
	tell(415, event, "Content-Type", "text/plain")
}
