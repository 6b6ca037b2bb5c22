package processtest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gorilla/mux"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/soketsugo/soketsugo/services/playbook/rest/keytest"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi/openapitest"
)

// contract sends requests to the rest process and holds each of them, and each
// answer, against the document.
type contract struct {
	base     string
	document *openapitest.Document
	routes   *mux.Router
	// seen has the statuses that came, by operation.
	seen map[string]map[string]bool
}

func newContract(t *testing.T, base string) *contract {
	t.Helper()
	document, err := openapitest.Parse(openapi.Document)
	if err != nil {
		t.Fatal(err)
	}
	routes := mux.NewRouter()
	for path := range document.Paths.Map() {
		routes.Path(parameter.ReplaceAllString(path, "{$1:[^/:]+}")).Name(path)
	}
	return &contract{base: base, document: document, routes: routes, seen: map[string]map[string]bool{}}
}

// parameter is one in a path, such as {id} of {id}:activate.
var parameter = regexp.MustCompile(`\{(\w+)\}`)

// send returns the answer and its body.
func (c *contract) send(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
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
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	what := fmt.Sprintf("%s %s %.200s: %s", method, path, body, answer.Status)
	operation, place := c.find(t, request, answer, what)
	if operation == nil {
		return answer, string(data)
	}
	if err := c.refuses(operation, place, request, body); answer.StatusCode < http.StatusBadRequest && err != nil {
		t.Errorf("%s, but the document refuses it: %v", what, err)
	}
	if err := c.describes(operation, place, answer, data); err != nil {
		t.Errorf("%s is answered with what the document does not describe: %v\n%s", what, err, data)
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

// refuses says what the document has against a request.
func (c *contract) refuses(operation *openapi3.Operation, place openapitest.Place, request *http.Request, body string) error {
	query := request.URL.Query()
	for i, parameter := range operation.Parameters {
		var value string
		switch parameter.Value.In {
		case openapi3.ParameterInQuery:
			value = query.Get(parameter.Value.Name)
			query.Del(parameter.Value.Name)
		case openapi3.ParameterInHeader:
			value = request.Header.Get(parameter.Value.Name)
		}
		if value == "" {
			if parameter.Value.Required {
				return fmt.Errorf("%s is missing", parameter.Value.Name)
			}
			continue
		}
		var read any = value
		if parameter.Value.Schema.Value.Type.Is(openapi3.TypeInteger) {
			read = json.Number(value)
		}
		at := openapitest.At(parameter.Ref, place.In("parameters", strconv.Itoa(i))...)
		if err := c.document.Check(at.In("schema"), read); err != nil {
			return fmt.Errorf("%s: %w", parameter.Value.Name, err)
		}
	}
	if len(query) > 0 {
		return fmt.Errorf("the query has %v, which is no parameter", query)
	}
	if body == "" {
		if operation.RequestBody != nil && operation.RequestBody.Value.Required {
			return errors.New("the body is missing")
		}
		return nil
	}
	if operation.RequestBody == nil {
		return errors.New("there is a body")
	}
	return c.holds(openapitest.At(operation.RequestBody.Ref, place.In("requestBody")...), operation.RequestBody.Value.Content,
		request.Header.Get("Content-Type"), []byte(body), c.document.Check)
}

// describes says how an answer differs from those in the document.
func (c *contract) describes(operation *openapi3.Operation, place openapitest.Place, answer *http.Response, body []byte) error {
	status := strconv.Itoa(answer.StatusCode)
	response := operation.Responses.Value(status)
	for name, header := range response.Value.Headers {
		if header.Value.Required && answer.Header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	if len(response.Value.Content) == 0 {
		if len(body) > 0 {
			return errors.New("there is a body")
		}
		return nil
	}
	check := c.document.CheckStrictly
	if operation.OperationID == "getOpenAPI" {
		// It is only described as some object.
		check = c.document.Check
	}
	return c.holds(openapitest.At(response.Ref, place.In("responses", status)...), response.Value.Content,
		answer.Header.Get("Content-Type"), body, check)
}

// holds checks a body by its media type.
func (c *contract) holds(place openapitest.Place, content openapi3.Content, kind string, body []byte, check func(openapitest.Place, any) error) error {
	kind, _, err := mime.ParseMediaType(kind)
	if err != nil {
		return fmt.Errorf("reading the media type: %w", err)
	}
	if content[kind] == nil {
		return fmt.Errorf("the media type is %s", kind)
	}
	if !strings.HasSuffix(kind, "json") {
		return check(place.In("content", kind, "schema"), string(body))
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	return check(place.In("content", kind, "schema"), value)
}

// find returns the operation in the document that a request means, and where it is,
// and notes the status of its answer, which the operation must have by name.
func (c *contract) find(t *testing.T, request *http.Request, answer *http.Response, what string) (*openapi3.Operation, openapitest.Place) {
	t.Helper()
	var match mux.RouteMatch
	var operation *openapi3.Operation
	path := ""
	if c.routes.Match(request, &match) {
		path = match.Route.GetName()
		operation = c.document.Paths.Value(path).GetOperation(request.Method)
	}
	if operation == nil {
		if answer.StatusCode != http.StatusNotFound && answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s, but it is not in the document", what)
		}
		return nil, nil
	}
	status := strconv.Itoa(answer.StatusCode)
	if operation.Responses.Value(status) == nil {
		t.Errorf("%s, but %s %s does not have that status", what, request.Method, path)
		return nil, nil
	}
	if c.seen[operation.OperationID] == nil {
		c.seen[operation.OperationID] = map[string]bool{}
	}
	c.seen[operation.OperationID][status] = true
	return operation, openapitest.Place{"paths", path, strings.ToLower(request.Method)}
}

// complete fails the test for each status in the document that never came.
func (c *contract) complete(t *testing.T, except map[string]string) {
	t.Helper()
	for _, item := range c.document.Paths.Map() {
		for _, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				name := operation.OperationID + " " + status
				if came, excepted := c.seen[operation.OperationID][status], except[name] != ""; status != "default" && came == excepted {
					t.Errorf("%s: came %v, excepted %v", name, came, excepted)
				}
			}
		}
	}
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
	for template, item := range api.document.Paths.Map() {
		path := strings.Replace(template, "{id}", nobody, 1)
		for method, operation := range item.Operations() {
			if operation.Security != nil {
				continue // it needs no key
			}
			lacks := reads
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
