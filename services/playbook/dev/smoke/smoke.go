// Package smoke walks through the playbook service over both of its transports:
// what is written through one is read through the other.
package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

const (
	// requestTimeout bounds each request.
	requestTimeout = 10 * time.Second
	// workspace is the one that REST has too.
	workspace = "default"
)

// Run runs the scenario against the servers at the addresses and calls say with
// each step that passed and the time it took. It returns the error of the first
// step that did not. REST must have WebhookSecrets of the secret.
func Run(ctx context.Context, grpcAddr, httpAddr, webhookSecret string, say func(format string, args ...any)) error {
	conn, err := grpc.NewClient(grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", grpcAddr, err)
	}
	defer conn.Close()
	s := &scenario{
		keys:       playbookv1.NewKeyServiceClient(conn),
		playbooks:  playbookv1.NewPlaybookServiceClient(conn),
		enrolments: playbookv1.NewEnrolmentServiceClient(conn),
		tasks:      playbookv1.NewTaskServiceClient(conn),
		base:       "http://" + httpAddr + "/v1", webhookSecret: webhookSecret,
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "workspace", workspace)
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"make an API key through gRPC; REST refuses a request without it", s.makeKey},
		{"create a playbook through REST, read it through gRPC", s.createThroughREST},
		{"enrolling in a draft is refused by both", s.enrolInDraft},
		{"activate it through gRPC, see it active through REST", s.activateThroughGRPC},
		{"enrol a contact through REST, read it through gRPC", s.enrolThroughREST},
		{"enrolling the contact again is refused by both", s.enrolAgain},
		{"create a playbook through gRPC, activate it through REST", s.createThroughGRPC},
		{"enrol a contact through gRPC, read it through REST", s.enrolThroughGRPC},
		{"pause the contact through REST, resume and cancel it through gRPC", s.moveEnrolment},
		{"enrol many contacts in a gRPC stream and in a REST batch, with a result for each", s.enrolMany},
		{"list a playbook's enrolments: both give the same", s.listEnrolments},
		{"give an active playbook other steps; those enrolled keep their revision", s.changeSteps},
		{"rename a playbook through gRPC; REST refuses a change to the old one", s.rename},
		{"list page by page: both give the same order", s.list},
		{"walk a contact through a whole playbook, task by task, in turn through REST and gRPC", s.walk},
		{"a provider tells REST twice, signed, that a contact has unsubscribed: gRPC sees it done once", s.hear},
		{"a bad request is refused by both with the field's name", s.refuse},
		{"repeat a request with its Idempotency-Key: REST does it once", s.repeat},
		{"revoke the API key: REST refuses it at once", s.revokeKey},
	} {
		begin := time.Now()
		limited, cancel := context.WithTimeout(ctx, requestTimeout)
		err := step.run(limited)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		say("%s (%s)", step.name, time.Since(begin).Round(100*time.Microsecond))
	}
	return nil
}

type scenario struct {
	keys       playbookv1.KeyServiceClient
	playbooks  playbookv1.PlaybookServiceClient
	enrolments playbookv1.EnrolmentServiceClient
	tasks      playbookv1.TaskServiceClient
	base       string
	// webhookSecret is that of provider.
	webhookSecret string
	// key is the ID of the API key that REST gets, and token what it gets.
	key, token string
	// first was made through REST, second through gRPC.
	first, second string
	// enrolment is in the second.
	enrolment string
}

// object is a JSON answer.
type object map[string]any

func (o object) text(name string) string {
	text, _ := o[name].(string)
	return text
}

// rest sends a request and wants a status.
func (s *scenario) rest(ctx context.Context, method, path, body string, want int) (object, error) {
	request, err := s.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	return do(request, want)
}

func (s *scenario) request(ctx context.Context, method, path, body string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewBufferString(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if s.token != "" {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	return request, nil
}

// do sends a request and reads the answer, which must have a status.
func do(request *http.Request, want int) (object, error) {
	data, err := send(request, want)
	if err != nil {
		return nil, err
	}
	var answer object
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("%s %s answered something that is not JSON: %w", request.Method, request.URL.Path, err)
	}
	return answer, nil
}

func send(request *http.Request, want int) ([]byte, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("sending the request: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if response.StatusCode != want {
		return nil, fmt.Errorf("%s %s answered %s, want %d: %s", request.Method, request.URL.Path, response.Status, want, data)
	}
	return data, nil
}

func wantCode(err error, want codes.Code) error {
	if got := status.Code(err); got != want {
		return fmt.Errorf("gRPC answered %s, want %s: %w", got, want, err)
	}
	return nil
}

func same(what, got, want string) error {
	if got != want {
		return fmt.Errorf("%s is %q, want %q", what, got, want)
	}
	return nil
}

func (s *scenario) makeKey(ctx context.Context) error {
	if _, err := s.rest(ctx, http.MethodGet, "/playbooks", "", http.StatusUnauthorized); err != nil {
		return err
	}
	created, err := s.keys.CreateKey(ctx, &playbookv1.CreateKeyRequest{
		Name: "smoke", Scopes: []playbookv1.Scope{playbookv1.Scope_SCOPE_READ, playbookv1.Scope_SCOPE_WRITE},
	})
	if err != nil {
		return err
	}
	s.key, s.token = created.GetKey().GetId(), created.GetToken()
	_, err = s.rest(ctx, http.MethodGet, "/playbooks", "", http.StatusOK)
	return err
}

func (s *scenario) createThroughREST(ctx context.Context) error {
	answer, err := s.rest(ctx, http.MethodPost, "/playbooks",
		`{"name":"First contact ☎","steps":[{"kind":"EMAIL","title":"Say hello"},{"kind":"CALL","title":"Call","delay":"86400s"}]}`,
		http.StatusCreated)
	if err != nil {
		return err
	}
	s.first = answer.text("id")
	got, err := s.playbooks.GetPlaybook(ctx, &playbookv1.GetPlaybookRequest{Id: s.first})
	if err != nil {
		return err
	}
	if steps := got.GetPlaybook().GetSteps(); len(steps) != 2 || steps[1].GetDelay().AsDuration() != 24*time.Hour {
		return fmt.Errorf("steps are %v, want two with a day between them", steps)
	}
	return same("the name", got.GetPlaybook().GetName(), "First contact ☎")
}

func (s *scenario) enrolInDraft(ctx context.Context) error {
	if _, err := s.rest(ctx, http.MethodPost, "/playbooks/"+s.first+"/enrolments", `{"contact":"crm:1"}`, http.StatusUnprocessableEntity); err != nil {
		return err
	}
	_, err := s.enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: s.first, Contact: "crm:1"})
	return wantCode(err, codes.FailedPrecondition)
}

func (s *scenario) activateThroughGRPC(ctx context.Context) error {
	if _, err := s.playbooks.ActivatePlaybook(ctx, &playbookv1.ActivatePlaybookRequest{Id: s.first}); err != nil {
		return err
	}
	answer, err := s.rest(ctx, http.MethodGet, "/playbooks/"+s.first, "", http.StatusOK)
	if err != nil {
		return err
	}
	return same("the state", answer.text("state"), "ACTIVE")
}

func (s *scenario) enrolThroughREST(ctx context.Context) error {
	answer, err := s.rest(ctx, http.MethodPost, "/playbooks/"+s.first+"/enrolments", `{"contact":"crm:1"}`, http.StatusCreated)
	if err != nil {
		return err
	}
	got, err := s.enrolments.GetEnrolment(ctx, &playbookv1.GetEnrolmentRequest{Id: answer.text("id")})
	if err != nil {
		return err
	}
	return same("the contact", got.GetEnrolment().GetContact(), "crm:1")
}

func (s *scenario) enrolAgain(ctx context.Context) error {
	if _, err := s.rest(ctx, http.MethodPost, "/playbooks/"+s.first+"/enrolments", `{"contact":"crm:1"}`, http.StatusConflict); err != nil {
		return err
	}
	_, err := s.enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: s.first, Contact: "crm:1"})
	return wantCode(err, codes.AlreadyExists)
}

func (s *scenario) createThroughGRPC(ctx context.Context) error {
	created, err := s.playbooks.CreatePlaybook(ctx, &playbookv1.CreatePlaybookRequest{
		Name:  "Renewal",
		Steps: []*playbookv1.Step{{Kind: playbookv1.StepKind_STEP_KIND_TASK, Title: "Read the contract"}},
	})
	if err != nil {
		return err
	}
	s.second = created.GetPlaybook().GetId()
	answer, err := s.rest(ctx, http.MethodPost, "/playbooks/"+s.second+":activate", "", http.StatusOK)
	if err != nil {
		return err
	}
	return same("the name", answer.text("name"), "Renewal")
}

func (s *scenario) enrolThroughGRPC(ctx context.Context) error {
	created, err := s.enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: s.second, Contact: "crm:2"})
	if err != nil {
		return err
	}
	answer, err := s.rest(ctx, http.MethodGet, "/enrolments/"+created.GetEnrolment().GetId(), "", http.StatusOK)
	if err != nil {
		return err
	}
	s.enrolment = created.GetEnrolment().GetId()
	return same("the playbook", answer.text("playbook_id"), s.second)
}

func (s *scenario) moveEnrolment(ctx context.Context) error {
	answer, err := s.rest(ctx, http.MethodPost, "/enrolments/"+s.enrolment+":pause", "", http.StatusOK)
	if err != nil {
		return err
	}
	if err := same("the state", answer.text("state"), "PAUSED"); err != nil {
		return err
	}
	if _, err := s.enrolments.ResumeEnrolment(ctx, &playbookv1.ResumeEnrolmentRequest{Id: s.enrolment}); err != nil {
		return err
	}
	if _, err := s.enrolments.CancelEnrolment(ctx, &playbookv1.CancelEnrolmentRequest{Id: s.enrolment}); err != nil {
		return err
	}
	_, err = s.rest(ctx, http.MethodPost, "/enrolments/"+s.enrolment+":pause", "", http.StatusUnprocessableEntity)
	return err
}

func (s *scenario) enrolMany(ctx context.Context) error {
	stream, err := s.enrolments.EnrolContacts(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&playbookv1.EnrolContactsRequest{PlaybookId: s.second, Contacts: []string{"crm:3", "crm:4", "crm:3"}}); err != nil {
		return err
	}
	streamed, err := stream.Recv()
	if err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	var got []string
	for _, result := range streamed.GetResults() {
		got = append(got, result.GetContact()+" "+codes.Code(result.GetCode()).String())
	}
	if err := same("the answer in the stream", fmt.Sprint(got), "[crm:3 OK crm:4 OK crm:3 AlreadyExists]"); err != nil {
		return err
	}
	answer, err := s.rest(ctx, http.MethodPost, "/playbooks/"+s.second+"/enrolments:batch", `{"contacts":["crm:4","crm:5"]}`, http.StatusOK)
	if err != nil {
		return err
	}
	got = nil
	results, _ := answer["results"].([]any)
	for _, item := range results {
		result, _ := item.(map[string]any)
		got = append(got, fmt.Sprint(result["contact"], " ", result["status"]))
	}
	return same("the answer to the batch", fmt.Sprint(got), "[crm:4 409 crm:5 201]")
}

func (s *scenario) listEnrolments(ctx context.Context) error {
	page, err := s.enrolments.ListEnrolments(ctx, &playbookv1.ListEnrolmentsRequest{
		PlaybookId: s.second, State: playbookv1.EnrolmentState_ENROLMENT_STATE_ACTIVE,
	})
	if err != nil {
		return err
	}
	var want []string
	for _, enrolment := range page.GetEnrolments() {
		want = append(want, enrolment.GetId()+" "+enrolment.GetContact())
	}
	if len(want) != 3 {
		return fmt.Errorf("gRPC lists %q, want three contacts", want)
	}
	answer, err := s.rest(ctx, http.MethodGet, "/playbooks/"+s.second+"/enrolments?state=ACTIVE", "", http.StatusOK)
	if err != nil {
		return err
	}
	var got []string
	items, _ := answer["enrolments"].([]any)
	for _, item := range items {
		enrolment, _ := item.(map[string]any)
		got = append(got, object(enrolment).text("id")+" "+object(enrolment).text("contact"))
	}
	return same("the list", fmt.Sprint(got), fmt.Sprint(want))
}

func (s *scenario) changeSteps(ctx context.Context) error {
	answer, err := s.rest(ctx, http.MethodPatch, "/playbooks/"+s.second,
		`{"steps":[{"kind":"TASK","title":"Read the contract"},{"kind":"CALL","title":"Call"}]}`, http.StatusOK)
	if err != nil {
		return err
	}
	if err := same("the revision", fmt.Sprint(answer["revision"]), "3"); err != nil {
		return err
	}
	got, err := s.enrolments.GetEnrolment(ctx, &playbookv1.GetEnrolmentRequest{Id: s.enrolment})
	if err != nil {
		return err
	}
	return same("the revision of the enrolment", fmt.Sprint(got.GetEnrolment().GetPlaybookRevision()), "2")
}

func (s *scenario) rename(ctx context.Context) error {
	const revision = 3 // created, activated, other steps
	if _, err := s.playbooks.UpdatePlaybook(ctx, &playbookv1.UpdatePlaybookRequest{
		Id: s.second, ExpectedRevision: revision, Name: "Renewal by phone", UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}},
	}); err != nil {
		return err
	}
	request, err := s.request(ctx, http.MethodPatch, "/playbooks/"+s.second, `{"name":"Renewal by post"}`)
	if err != nil {
		return err
	}
	request.Header.Set("If-Match", fmt.Sprintf("%q", fmt.Sprint(revision)))
	_, err = do(request, http.StatusPreconditionFailed)
	return err
}

func (s *scenario) list(ctx context.Context) error {
	// The two are the newest in any database, unless somebody else writes to it.
	page, err := s.playbooks.ListPlaybooks(ctx, &playbookv1.ListPlaybooksRequest{PageSize: 1})
	if err != nil {
		return err
	}
	if len(page.GetPlaybooks()) != 1 {
		return fmt.Errorf("the page has %d playbooks, want 1", len(page.GetPlaybooks()))
	}
	if err := same("the newest playbook", page.GetPlaybooks()[0].GetId(), s.second); err != nil {
		return err
	}
	// Tokens are the same whatever the transport.
	answer, err := s.rest(ctx, http.MethodGet, "/playbooks?page_size=1&page_token="+page.GetNextPageToken(), "", http.StatusOK)
	if err != nil {
		return err
	}
	items, _ := answer["playbooks"].([]any)
	if len(items) != 1 {
		return fmt.Errorf("the next page has %d playbooks, want 1", len(items))
	}
	item, _ := items[0].(map[string]any)
	return same("the playbook before it", object(item).text("id"), s.first)
}

func (s *scenario) refuse(ctx context.Context) error {
	answer, err := s.rest(ctx, http.MethodPost, "/playbooks", `{"name":"x","steps":[{"kind":"EMAIL","titel":"y"}]}`, http.StatusBadRequest)
	if err != nil {
		return err
	}
	mistakes, _ := answer["errors"].([]any)
	if len(mistakes) == 0 {
		return fmt.Errorf("the problem names no field: %v", answer)
	}
	mistake, _ := mistakes[0].(map[string]any)
	if err := same("the field", object(mistake).text("field"), "steps[0].titel"); err != nil {
		return err
	}
	_, err = s.playbooks.CreatePlaybook(ctx, &playbookv1.CreatePlaybookRequest{})
	return wantCode(err, codes.InvalidArgument)
}

func (s *scenario) repeat(ctx context.Context) error {
	send := func(body string, want int) (object, error) {
		request, err := s.request(ctx, http.MethodPost, "/playbooks", body)
		if err != nil {
			return nil, err
		}
		// Another one in each run, since databases may be kept.
		request.Header.Set("Idempotency-Key", "smoke-of-"+s.first)
		return do(request, want)
	}
	first, err := send(`{"name":"Only once"}`, http.StatusCreated)
	if err != nil {
		return err
	}
	again, err := send(`{"name":"Only once"}`, http.StatusCreated)
	if err != nil {
		return err
	}
	if err := same("the playbook", again.text("id"), first.text("id")); err != nil {
		return err
	}
	_, err = send(`{"name":"Another"}`, http.StatusUnprocessableEntity)
	return err
}

func (s *scenario) revokeKey(ctx context.Context) error {
	if _, err := s.keys.RevokeKey(ctx, &playbookv1.RevokeKeyRequest{Id: s.key}); err != nil {
		return err
	}
	_, err := s.rest(ctx, http.MethodGet, "/playbooks", "", http.StatusUnauthorized)
	return err
}
