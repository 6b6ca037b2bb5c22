package processtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/services/playbook/rest/keytest"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// transport is what the scenario does, in the words of one transport. What fails
// ends the test.
type transport interface {
	// create makes a playbook of an e-mail, a wait of an hour and two calls.
	create(name string) (id string)
	rename(id, name string)
	activate(id string)
	archive(id string)
	enrol(playbook, contact string) (id string)
	enrolAll(playbook string, contacts ...string)
	pause(enrolment string)
	resume(enrolment string)
	cancel(enrolment string)
	// claim returns the ids of due tasks by contact.
	claim() (token string, tasks map[string]string)
	complete(token, task string)
	fail(token, task string)
}

// scenario walks contacts through a playbook, each to another end.
func scenario(t *testing.T, on transport) {
	t.Helper()
	draft := on.create("a draft")
	on.rename(draft, "a draft with another name")
	playbook := on.create("b in use")
	on.activate(playbook)
	on.rename(playbook, "c in use with another name")
	on.enrol(playbook, "done")
	paused, resumed := on.enrol(playbook, "paused"), on.enrol(playbook, "resumed")
	on.enrolAll(playbook, "cancelled later", "failed", "untouched")
	cancelled := on.enrol(playbook, "cancelled")
	on.pause(paused)
	on.pause(resumed)
	on.resume(resumed)
	on.cancel(cancelled)
	token, tasks := on.claim()
	for _, contact := range []string{"done", "resumed"} {
		if tasks[contact] == "" {
			t.Fatalf("the task of %q was not claimed: %v", contact, tasks)
		}
		on.complete(token, tasks[contact])
	}
	on.fail(token, tasks["failed"])
	if again, more := on.claim(); len(more) > 0 {
		t.Fatalf("claimed under %s what is not due: %v", again, more)
	}
	on.archive(playbook)
}

// The same scenario leaves the same in the database, whichever transport it came
// through.
func TestSameScenario(t *testing.T) {
	dumps := map[string]string{}
	for _, p := range []process{grpcProcess, restProcess} {
		databaseURL := migrated(t)
		c, _ := start(t, p, map[string]string{"DATABASE_URL": databaseURL})
		if err := c.Ready(soon(t)); err != nil {
			t.Fatal(err)
		}
		if p.name == "grpc" {
			conn := dial(t, c.Addr("grpc"))
			scenario(t, &overGRPC{t, playbookv1.NewPlaybookServiceClient(conn), playbookv1.NewEnrolmentServiceClient(conn), playbookv1.NewTaskServiceClient(conn)})
		} else {
			scenario(t, &overREST{t, "http://" + c.Addr("http")})
		}
		dumps[p.name] = dump(t, databaseURL)
	}
	if diff := cmp.Diff(dumps["grpc"], dumps["rest"]); diff != "" {
		t.Errorf("the databases differ (-grpc +rest):\n%s", diff)
	}
	// Two empty ones would be the same too.
	for _, want := range []string{`"DRAFT"`, `"ARCHIVED"`, `"ACTIVE"`, `"PAUSED"`, `"CANCELLED"`, `"PENDING"`, `"LEASED"`, `"DONE"`} {
		if !strings.Contains(dumps["grpc"], want) {
			t.Errorf("the scenario leaves no %s:\n%s", want, dumps["grpc"])
		}
	}
}

// compared are the tables that a scenario fills, with an order that does not
// depend on chance.
var compared = map[string]string{
	"playbooks":          "SELECT row_to_json(t) FROM playbooks t ORDER BY t.name",
	"playbook_revisions": "SELECT row_to_json(t) FROM playbook_revisions t JOIN playbooks p ON p.id = t.playbook_id ORDER BY p.name, t.revision",
	"enrolments":         "SELECT row_to_json(t) FROM enrolments t ORDER BY t.contact",
	"tasks":              "SELECT row_to_json(t) FROM tasks t JOIN enrolments e ON e.id = t.enrolment_id ORDER BY e.contact, t.step",
}

// notCompared are those of one transport alone, and of migrations.
var notCompared = []string{"api_keys", "idempotency_keys", "webhook_events", "soketsugo_migrations"}

var (
	anyID   = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	anyTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT[^"]*`)
)

// dump returns what is in a database, with numbers for IDs in the order in which
// they appear, and without the times.
func dump(t *testing.T, databaseURL string) string {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	column := func(query string) []string {
		t.Helper()
		results, err := conn.Exec(t.Context(), query).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var values []string
		for _, row := range results[0].Rows {
			values = append(values, string(row[0]))
		}
		return values
	}
	var text strings.Builder
	for _, table := range column("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname") {
		query, ok := compared[table]
		if !ok && !slices.Contains(notCompared, table) {
			t.Fatalf("nothing says how the table %s is compared", table)
		}
		if !ok {
			continue
		}
		fmt.Fprintf(&text, "%s\n%s\n", table, strings.Join(column(query), "\n"))
	}
	ids := map[string]string{}
	named := anyID.ReplaceAllStringFunc(text.String(), func(id string) string {
		if ids[id] == "" {
			ids[id] = fmt.Sprint("id ", len(ids)+1)
		}
		return ids[id]
	})
	return anyTime.ReplaceAllString(named, "time")
}

type overGRPC struct {
	t          *testing.T
	playbooks  playbookv1.PlaybookServiceClient
	enrolments playbookv1.EnrolmentServiceClient
	tasks      playbookv1.TaskServiceClient
}

func (o *overGRPC) check(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *overGRPC) create(name string) string {
	created, err := o.playbooks.CreatePlaybook(o.t.Context(), &playbookv1.CreatePlaybookRequest{Name: name, Steps: []*playbookv1.Step{
		{Kind: playbookv1.StepKind_STEP_KIND_EMAIL, Title: "Write"},
		{Kind: playbookv1.StepKind_STEP_KIND_WAIT, Title: "Wait", Delay: durationpb.New(3600e9)},
		{Kind: playbookv1.StepKind_STEP_KIND_CALL, Title: "Call"},
		{Kind: playbookv1.StepKind_STEP_KIND_CALL, Title: "Call again"},
	}})
	o.check(err)
	return created.GetPlaybook().GetId()
}

func (o *overGRPC) rename(id, name string) {
	_, err := o.playbooks.UpdatePlaybook(o.t.Context(), &playbookv1.UpdatePlaybookRequest{Id: id, Name: name, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}}})
	o.check(err)
}

func (o *overGRPC) activate(id string) {
	_, err := o.playbooks.ActivatePlaybook(o.t.Context(), &playbookv1.ActivatePlaybookRequest{Id: id})
	o.check(err)
}

func (o *overGRPC) archive(id string) {
	_, err := o.playbooks.ArchivePlaybook(o.t.Context(), &playbookv1.ArchivePlaybookRequest{Id: id})
	o.check(err)
}

func (o *overGRPC) enrol(playbook, contact string) string {
	enrolled, err := o.enrolments.EnrolContact(o.t.Context(), &playbookv1.EnrolContactRequest{PlaybookId: playbook, Contact: contact})
	o.check(err)
	return enrolled.GetEnrolment().GetId()
}

func (o *overGRPC) enrolAll(playbook string, contacts ...string) {
	// dial's connections name the workspace in calls without a stream.
	stream, err := o.enrolments.EnrolContacts(metadata.AppendToOutgoingContext(o.t.Context(), "workspace", "default"))
	o.check(err)
	o.check(stream.Send(&playbookv1.EnrolContactsRequest{PlaybookId: playbook, Contacts: contacts}))
	o.check(stream.CloseSend())
	if _, err = stream.Recv(); err == nil {
		if _, err = stream.Recv(); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	o.check(err)
}

func (o *overGRPC) pause(enrolment string) {
	_, err := o.enrolments.PauseEnrolment(o.t.Context(), &playbookv1.PauseEnrolmentRequest{Id: enrolment})
	o.check(err)
}

func (o *overGRPC) resume(enrolment string) {
	_, err := o.enrolments.ResumeEnrolment(o.t.Context(), &playbookv1.ResumeEnrolmentRequest{Id: enrolment})
	o.check(err)
}

func (o *overGRPC) cancel(enrolment string) {
	_, err := o.enrolments.CancelEnrolment(o.t.Context(), &playbookv1.CancelEnrolmentRequest{Id: enrolment})
	o.check(err)
}

func (o *overGRPC) claim() (token string, tasks map[string]string) {
	claimed, err := o.tasks.ClaimTasks(o.t.Context(), &playbookv1.ClaimTasksRequest{Holder: "test", Limit: 100})
	o.check(err)
	tasks = map[string]string{}
	for _, task := range claimed.GetTasks() {
		tasks[task.GetContact()] = task.GetId()
	}
	return claimed.GetLeaseToken(), tasks
}

func (o *overGRPC) complete(token, task string) {
	_, err := o.tasks.CompleteTask(o.t.Context(), &playbookv1.CompleteTaskRequest{Id: task, LeaseToken: token, Outcome: "done"})
	o.check(err)
}

func (o *overGRPC) fail(token, task string) {
	_, err := o.tasks.FailTask(o.t.Context(), &playbookv1.FailTaskRequest{Id: task, LeaseToken: token, Outcome: "not done"})
	o.check(err)
}

type overREST struct {
	t    *testing.T
	base string
}

// answer is what the scenario reads of an answer.
type answer struct {
	ID         string
	LeaseToken string `json:"lease_token"`
	Tasks      []struct{ ID, Contact string }
}

func (o *overREST) send(method, path string, body any) answer {
	o.t.Helper()
	text := ""
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			o.t.Fatal(err)
		}
		text = string(encoded)
	}
	request, err := http.NewRequestWithContext(o.t.Context(), method, o.base+path, strings.NewReader(text))
	if err != nil {
		o.t.Fatal(err)
	}
	if text != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := keytest.Do(request)
	if err != nil {
		o.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		o.t.Fatalf("%s %s answered %s, %v: %s", method, path, response.Status, err, content)
	}
	var a answer
	if err := json.Unmarshal(content, &a); err != nil {
		o.t.Fatalf("%s %s answered %q: %v", method, path, content, err)
	}
	return a
}

func (o *overREST) create(name string) string {
	type step struct {
		Kind  string `json:"kind"`
		Title string `json:"title"`
		Delay string `json:"delay,omitempty"`
	}
	return o.send(http.MethodPost, "/v1/playbooks", map[string]any{"name": name, "steps": []step{
		{"EMAIL", "Write", ""}, {"WAIT", "Wait", "3600s"}, {"CALL", "Call", ""}, {"CALL", "Call again", ""},
	}}).ID
}

func (o *overREST) rename(id, name string) {
	o.send(http.MethodPatch, "/v1/playbooks/"+id, map[string]any{"name": name})
}

func (o *overREST) activate(id string) {
	o.send(http.MethodPost, "/v1/playbooks/"+id+":activate", nil)
}

func (o *overREST) archive(id string) { o.send(http.MethodPost, "/v1/playbooks/"+id+":archive", nil) }

func (o *overREST) enrol(playbook, contact string) string {
	return o.send(http.MethodPost, "/v1/playbooks/"+playbook+"/enrolments", map[string]any{"contact": contact}).ID
}

func (o *overREST) enrolAll(playbook string, contacts ...string) {
	o.send(http.MethodPost, "/v1/playbooks/"+playbook+"/enrolments:batch", map[string]any{"contacts": contacts})
}

func (o *overREST) pause(enrolment string) {
	o.send(http.MethodPost, "/v1/enrolments/"+enrolment+":pause", nil)
}

func (o *overREST) resume(enrolment string) {
	o.send(http.MethodPost, "/v1/enrolments/"+enrolment+":resume", nil)
}

func (o *overREST) cancel(enrolment string) {
	o.send(http.MethodPost, "/v1/enrolments/"+enrolment+":cancel", nil)
}

func (o *overREST) claim() (token string, tasks map[string]string) {
	claimed := o.send(http.MethodPost, "/v1/tasks:claim", map[string]any{"holder": "test", "limit": 100})
	tasks = map[string]string{}
	for _, task := range claimed.Tasks {
		tasks[task.Contact] = task.ID
	}
	return claimed.LeaseToken, tasks
}

func (o *overREST) complete(token, task string) {
	o.send(http.MethodPost, "/v1/tasks/"+task+":complete", map[string]any{"lease_token": token, "outcome": "done"})
}

func (o *overREST) fail(token, task string) {
	o.send(http.MethodPost, "/v1/tasks/"+task+":fail", map[string]any{"lease_token": token, "outcome": "not done"})
}
