package processtest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/relay"
	"github.com/soketsugo/soketsugo/services/playbook/rest/keytest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// refusal is an error as programs see it.
type refusal struct {
	Status   int
	Code     codes.Code
	Reason   string
	Metadata map[string]string
	// Retry says whether the caller is told when to try again.
	Retry bool
}

// sendREST sends a request and returns the answer and its body.
func sendREST(t *testing.T, method, url, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(soon(t), method, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return &http.Response{}, nil
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := keytest.Do(request)
	if err != nil {
		t.Error(err)
		return &http.Response{}, nil
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return answer, data
}

// askREST sends a request, whose answer must be a problem.
func askREST(t *testing.T, method, url, body string, headers ...string) refusal {
	t.Helper()
	answer, data := sendREST(t, method, url, body, headers...)
	var problem struct {
		Reason   string
		Metadata map[string]string
	}
	if err := json.Unmarshal(data, &problem); err != nil {
		t.Errorf("%s %s: %s, %s: %v", method, url, answer.Status, data, err)
	}
	return refusal{Status: answer.StatusCode, Reason: problem.Reason, Metadata: problem.Metadata, Retry: answer.Header.Get("Retry-After") != ""}
}

// refusalOf returns what gRPC says in the error of a call.
func refusalOf(err error) refusal {
	given := status.Convert(err)
	found := refusal{Code: given.Code()}
	for _, detail := range given.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			found.Reason, found.Metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.RetryInfo:
			found.Retry = detail.GetRetryDelay().AsDuration() > 0
		}
	}
	return found
}

// documentedMetadata returns the names of metadata that docs/playbook.md has for a
// reason.
func documentedMetadata(t *testing.T, reason string) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/playbook.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `"+reason+"` |") {
			return strings.Split(line, "|")[3]
		}
	}
	t.Errorf("docs/playbook.md has no reason %s", reason)
	return ""
}

// compare wants the same refusal from both transports, and metadata that are
// documented.
func compare(t *testing.T, what string, want, rest, overGRPC refusal) {
	t.Helper()
	got := overGRPC
	got.Status = rest.Status
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, over gRPC (-want +got):\n%s", what, diff)
	}
	rest.Code = overGRPC.Code
	if diff := cmp.Diff(want, rest); diff != "" {
		t.Errorf("%s, over REST (-want +got):\n%s", what, diff)
	}
	documented := documentedMetadata(t, want.Reason)
	for name := range want.Metadata {
		if !strings.Contains(documented, "`"+name+"`") {
			t.Errorf("%s: docs/playbook.md does not say that %s has %s", what, want.Reason, name)
		}
	}
}

// The same mistake has the same reason and the same metadata in both transports.
func TestSameErrors(t *testing.T) {
	t.Parallel()
	databaseURL := migrated(t)
	database, relayed, err := relay.Postgres(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Close)
	rest, _ := start(t, restProcess, map[string]string{"DATABASE_URL": relayed})
	overGRPC, _ := start(t, grpcProcess, map[string]string{"DATABASE_URL": relayed})
	if err := rest.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := overGRPC.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	ctx, base, conn := soon(t), "http://"+rest.Addr("http")+"/v1", dial(t, overGRPC.Addr("grpc"))
	playbooks, enrolments, tasks := playbookv1.NewPlaybookServiceClient(conn), playbookv1.NewEnrolmentServiceClient(conn), playbookv1.NewTaskServiceClient(conn)
	create := func(steps ...*playbookv1.Step) string {
		t.Helper()
		created, err := playbooks.CreatePlaybook(ctx, &playbookv1.CreatePlaybookRequest{Name: "n", Steps: steps})
		if err != nil {
			t.Fatal(err)
		}
		return created.GetPlaybook().GetId()
	}
	activate := func(id string) {
		t.Helper()
		if _, err := playbooks.ActivatePlaybook(ctx, &playbookv1.ActivatePlaybookRequest{Id: id}); err != nil {
			t.Fatal(err)
		}
	}
	step := &playbookv1.Step{Kind: playbookv1.StepKind_STEP_KIND_CALL, Title: "t"}
	empty, draft, active, archived := create(), create(step), create(step), create(step)
	activate(active)
	activate(archived)
	if _, err := playbooks.ArchivePlaybook(ctx, &playbookv1.ArchivePlaybookRequest{Id: archived}); err != nil {
		t.Fatal(err)
	}
	if _, err := enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: active, Contact: "c"}); err != nil {
		t.Fatal(err)
	}
	claimed, err := tasks.ClaimTasks(ctx, &playbookv1.ClaimTasksRequest{Holder: "h"})
	if err != nil || len(claimed.GetTasks()) != 1 {
		t.Fatalf("ClaimTasks: %v, %v", claimed, err)
	}
	task := claimed.GetTasks()[0].GetId()
	ended, err := enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: active, Contact: "d"})
	if err != nil {
		t.Fatal(err)
	}
	over := ended.GetEnrolment().GetId()
	if _, err := enrolments.CancelEnrolment(ctx, &playbookv1.CancelEnrolmentRequest{Id: over}); err != nil {
		t.Fatal(err)
	}

	second := func(_ any, err error) error { return err }
	rename := &fieldmaskpb.FieldMask{Paths: []string{"name"}}
	for _, test := range []struct {
		name string
		rest refusal
		grpc error
		want refusal
	}{
		{"a playbook without a name", askREST(t, "POST", base+"/playbooks", `{}`),
			second(playbooks.CreatePlaybook(ctx, &playbookv1.CreatePlaybookRequest{})),
			refusal{400, codes.InvalidArgument, "REQUEST_INVALID", nil, false}},
		{"what is not served", askREST(t, "GET", base+"/nothing", ""),
			conn.Invoke(ctx, "/playbook.api.v1.PlaybookService/Nothing", &playbookv1.GetPlaybookRequest{}, &playbookv1.GetPlaybookResponse{}),
			refusal{404, codes.Unimplemented, "NO_SUCH_OPERATION", nil, false}},
		{"a missing playbook", askREST(t, "GET", base+"/playbooks/"+nobody, ""),
			second(playbooks.GetPlaybook(ctx, &playbookv1.GetPlaybookRequest{Id: nobody})),
			refusal{404, codes.NotFound, "NOT_FOUND", map[string]string{"playbook_id": nobody}, false}},
		{"a missing enrolment", askREST(t, "GET", base+"/enrolments/"+nobody, ""),
			second(enrolments.GetEnrolment(ctx, &playbookv1.GetEnrolmentRequest{Id: nobody})),
			refusal{404, codes.NotFound, "NOT_FOUND", map[string]string{"enrolment_id": nobody}, false}},
		{"a missing task", askREST(t, "GET", base+"/tasks/"+nobody, ""),
			second(tasks.GetTask(ctx, &playbookv1.GetTaskRequest{Id: nobody})),
			refusal{404, codes.NotFound, "NOT_FOUND", map[string]string{"task_id": nobody}, false}},
		{"an old revision", askREST(t, "PATCH", base+"/playbooks/"+active, `{"name":"m"}`, "If-Match", `"1"`),
			second(playbooks.UpdatePlaybook(ctx, &playbookv1.UpdatePlaybookRequest{Id: active, ExpectedRevision: 1, Name: "m", UpdateMask: rename})),
			refusal{412, codes.Aborted, "CHANGED_MEANWHILE", map[string]string{"playbook_id": active, "revision": "2"}, false}},
		{"activating what has no steps", askREST(t, "POST", base+"/playbooks/"+empty+":activate", ""),
			second(playbooks.ActivatePlaybook(ctx, &playbookv1.ActivatePlaybookRequest{Id: empty})),
			refusal{422, codes.FailedPrecondition, "PLAYBOOK_WITHOUT_STEPS", map[string]string{"playbook_id": empty, "state": "DRAFT"}, false}},
		{"activating what is archived", askREST(t, "POST", base+"/playbooks/"+archived+":activate", ""),
			second(playbooks.ActivatePlaybook(ctx, &playbookv1.ActivatePlaybookRequest{Id: archived})),
			refusal{422, codes.FailedPrecondition, "PLAYBOOK_NOT_DRAFT", map[string]string{"playbook_id": archived, "state": "ARCHIVED"}, false}},
		{"changing what is archived", askREST(t, "PATCH", base+"/playbooks/"+archived, `{"name":"m"}`),
			second(playbooks.UpdatePlaybook(ctx, &playbookv1.UpdatePlaybookRequest{Id: archived, Name: "m", UpdateMask: rename})),
			refusal{422, codes.FailedPrecondition, "PLAYBOOK_ARCHIVED", map[string]string{"playbook_id": archived, "state": "ARCHIVED"}, false}},
		{"enrolling in a draft", askREST(t, "POST", base+"/playbooks/"+draft+"/enrolments", `{"contact":"c"}`),
			second(enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: draft, Contact: "c"})),
			refusal{422, codes.FailedPrecondition, "PLAYBOOK_NOT_ACTIVE", map[string]string{"playbook_id": draft, "state": "DRAFT"}, false}},
		{"enrolling twice", askREST(t, "POST", base+"/playbooks/"+active+"/enrolments", `{"contact":"c"}`),
			second(enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: active, Contact: "c"})),
			refusal{409, codes.AlreadyExists, "CONTACT_ENROLLED", map[string]string{"playbook_id": active, "contact": "c"}, false}},
		{"pausing what is over", askREST(t, "POST", base+"/enrolments/"+over+":pause", ""),
			second(enrolments.PauseEnrolment(ctx, &playbookv1.PauseEnrolmentRequest{Id: over})),
			refusal{422, codes.FailedPrecondition, "ENROLMENT_ENDED", map[string]string{"enrolment_id": over, "state": "CANCELLED"}, false}},
		{"another's lease", askREST(t, "POST", base+"/tasks/"+task+":complete", `{"lease_token":"`+nobody+`","outcome":"o"}`),
			second(tasks.CompleteTask(ctx, &playbookv1.CompleteTaskRequest{Id: task, LeaseToken: nobody, Outcome: "o"})),
			refusal{422, codes.FailedPrecondition, "LEASE_NOT_HELD", map[string]string{"task_id": task, "state": "LEASED"}, false}},
	} {
		compare(t, test.name, test.want, test.rest, refusalOf(test.grpc))
	}

	// One of many says no less than it would alone.
	many := metadata.AppendToOutgoingContext(ctx, "workspace", "default")
	stream, err := enrolments.EnrolContacts(many)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&playbookv1.EnrolContactsRequest{PlaybookId: active, Contacts: []string{"c", ""}}); err != nil {
		t.Fatal(err)
	}
	streamed, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	_, body := sendREST(t, "POST", base+"/playbooks/"+active+"/enrolments:batch", `{"contacts":["c",""]}`)
	var batch struct{ Results []struct{ Reason string } }
	if err := json.Unmarshal(body, &batch); err != nil || len(batch.Results) != 2 || len(streamed.GetResults()) != 2 {
		t.Fatalf("the batch is answered %s, %v; the stream %v", body, err, streamed)
	}
	for i, want := range []string{"CONTACT_ENROLLED", "REQUEST_INVALID"} {
		if got, other := streamed.GetResults()[i].GetReason(), batch.Results[i].Reason; got != want || other != want {
			t.Errorf("contact %d: gRPC says %s, REST %s, want %s", i, got, other, want)
		}
	}

	// What is no fault of the caller's.
	admin, err := pgconn.Connect(ctx, databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(ctx, `ALTER TABLE tasks RENAME TO gone`).ReadAll(); err != nil {
		t.Fatal(err)
	}
	if err := admin.Close(ctx); err != nil {
		t.Fatal(err)
	}
	compare(t, "a table that is gone", refusal{500, codes.Internal, "INTERNAL", nil, false},
		askREST(t, "GET", base+"/tasks/"+task, ""), refusalOf(second(tasks.GetTask(ctx, &playbookv1.GetTaskRequest{Id: task}))))
	database.Close()
	compare(t, "a database that is away", refusal{503, codes.Unavailable, "TRY_LATER", nil, true},
		askREST(t, "GET", base+"/playbooks/"+active, ""), refusalOf(second(playbooks.GetPlaybook(ctx, &playbookv1.GetPlaybookRequest{Id: active}))))
}

// What the servers say of themselves has the same reasons too: when there is no room
// for a request, and when it takes too long.
func TestSameErrorsOfServers(t *testing.T) {
	long.Test(t)
	t.Parallel()
	full, late := map[string]refusal{}, map[string]refusal{}
	for _, p := range []process{restProcess, grpcProcess} {
		databaseURL := migrated(t)
		c, _ := start(t, p, map[string]string{"DATABASE_URL": databaseURL, "MAX_REQUESTS": "1", "REQUEST_TIMEOUT": "2s"})
		if err := c.Ready(soon(t)); err != nil {
			t.Fatal(err)
		}
		ask := func() refusal { return askREST(t, "GET", "http://"+c.Addr("http")+"/v1/playbooks/"+nobody, "") }
		if p.name == "grpc" {
			client := playbookv1.NewPlaybookServiceClient(dial(t, c.Addr("grpc")))
			ask = func() refusal {
				// Without a deadline of its own.
				_, err := client.GetPlaybook(context.Background(), &playbookv1.GetPlaybookRequest{Id: nobody}, grpc.WaitForReady(true))
				return refusalOf(err)
			}
		}
		lock(t, databaseURL, "playbooks")
		answered := make(chan refusal, 1)
		go func() { answered <- ask() }()
		inFlight(t, c)
		full[p.name] = ask()
		late[p.name] = <-answered
	}
	compare(t, "a full server", refusal{503, codes.ResourceExhausted, "OVERLOADED", nil, true}, full["rest"], full["grpc"])
	compare(t, "a request that takes too long", refusal{503, codes.DeadlineExceeded, "DEADLINE_EXCEEDED", nil, false}, late["rest"], late["grpc"])
}
