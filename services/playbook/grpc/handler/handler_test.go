package handler_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/uuidv7"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
	"github.com/soketsugo/soketsugo/services/playbook/grpc/handler"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

const missing = "00000000-0000-0000-0000-000000000000"

// connect returns clients of both services on an empty database, over an
// in-memory connection.
func connect(t *testing.T) (playbookv1.PlaybookServiceClient, playbookv1.EnrolmentServiceClient) {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return connectTo(t, store)
}

func connectTo(t *testing.T, store usecase.Store) (playbookv1.PlaybookServiceClient, playbookv1.EnrolmentServiceClient) {
	t.Helper()
	service := usecase.New(store, func() time.Time { return epoch }, func() string { return uuidv7.New(epoch) })
	server := grpc.NewServer()
	handler.Register(service, slog.New(slog.DiscardHandler))(server)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///memory",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return playbookv1.NewPlaybookServiceClient(conn), playbookv1.NewEnrolmentServiceClient(conn)
}

// Every kind has a code of its own that is neither OK nor INTERNAL.
func TestEveryKindHasACode(t *testing.T) {
	seen := map[codes.Code]domain.Kind{}
	for _, kind := range domain.Kinds() {
		code := handler.Code(kind)
		if other, ok := seen[code]; ok || code == codes.OK || code == codes.Internal {
			t.Errorf("%v has the code %v, as has %v", kind, code, other)
		}
		seen[code] = kind
	}
	if got := handler.Code(0); got != codes.Internal {
		t.Errorf("an error without a kind has the code %v, want INTERNAL", got)
	}
}

// Everything about a playbook and an enrolment gets through, in both
// directions.
func TestRoundTrip(t *testing.T) {
	ctx := t.Context()
	playbooks, enrolments := connect(t)
	request := &playbookv1.CreatePlaybookRequest{Name: "n ☎", Description: "d", Steps: []*playbookv1.Step{
		{Kind: playbookv1.StepKind_STEP_KIND_EMAIL, Title: "e", Delay: durationpb.New(time.Hour)},
		{Kind: playbookv1.StepKind_STEP_KIND_CALL, Title: "c", Delay: durationpb.New(0)},
		{Kind: playbookv1.StepKind_STEP_KIND_TASK, Title: "t", Delay: durationpb.New(time.Second)},
		{Kind: playbookv1.StepKind_STEP_KIND_WAIT, Title: "w", Delay: durationpb.New(domain.MaxDelay)},
	}}
	created, err := playbooks.CreatePlaybook(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	want := &playbookv1.Playbook{
		Id: created.GetPlaybook().GetId(), Name: "n ☎", Description: "d", Steps: request.GetSteps(),
		State: playbookv1.PlaybookState_PLAYBOOK_STATE_DRAFT, Revision: 1,
		CreatedAt: timestamppb.New(epoch), UpdatedAt: timestamppb.New(epoch),
	}
	got, err := playbooks.GetPlaybook(ctx, &playbookv1.GetPlaybookRequest{Id: want.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.GetPlaybook(), protocmp.Transform()); diff != "" {
		t.Errorf("GetPlaybook (-want +got):\n%s", diff)
	}
	active, err := playbooks.ActivatePlaybook(ctx, &playbookv1.ActivatePlaybookRequest{Id: want.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	list, err := playbooks.ListPlaybooks(ctx, &playbookv1.ListPlaybooksRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*playbookv1.Playbook{active.GetPlaybook()}, list.GetPlaybooks(), protocmp.Transform()); diff != "" {
		t.Errorf("ListPlaybooks (-want +got):\n%s", diff)
	}
	enrolled, err := enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: want.GetId(), Contact: "crm:1"})
	if err != nil {
		t.Fatal(err)
	}
	wantEnrolment := &playbookv1.Enrolment{
		Id: enrolled.GetEnrolment().GetId(), PlaybookId: want.GetId(), PlaybookRevision: 2, Contact: "crm:1",
		State: playbookv1.EnrolmentState_ENROLMENT_STATE_ACTIVE,
		DueAt: timestamppb.New(epoch.Add(time.Hour)), CreatedAt: timestamppb.New(epoch),
	}
	gotEnrolment, err := enrolments.GetEnrolment(ctx, &playbookv1.GetEnrolmentRequest{Id: wantEnrolment.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantEnrolment, gotEnrolment.GetEnrolment(), protocmp.Transform()); diff != "" {
		t.Errorf("GetEnrolment (-want +got):\n%s", diff)
	}
}

// Mistakes have their code and name their fields.
func TestErrors(t *testing.T) {
	ctx := t.Context()
	playbooks, enrolments := connect(t)
	second := func(_ any, err error) error { return err }
	for _, test := range []struct {
		name   string
		err    error
		code   codes.Code
		fields []string
	}{
		{"an empty playbook", second(playbooks.CreatePlaybook(ctx, &playbookv1.CreatePlaybookRequest{Steps: []*playbookv1.Step{{}}})),
			codes.InvalidArgument, []string{"name", "steps[0].kind", "steps[0].title"}},
		{"an unknown kind", second(playbooks.CreatePlaybook(ctx, &playbookv1.CreatePlaybookRequest{Name: "n", Steps: []*playbookv1.Step{{Kind: 99, Title: "t"}}})),
			codes.InvalidArgument, []string{"steps[0].kind"}},
		{"a duration that is none", second(playbooks.CreatePlaybook(ctx, &playbookv1.CreatePlaybookRequest{Name: "n", Steps: []*playbookv1.Step{
			{Kind: 1, Title: "t", Delay: &durationpb.Duration{Seconds: 1 << 60}}}})), codes.InvalidArgument, []string{"steps[0].delay"}},
		{"a bad ID", second(playbooks.GetPlaybook(ctx, &playbookv1.GetPlaybookRequest{Id: "x"})), codes.InvalidArgument, []string{"id"}},
		{"a missing playbook", second(playbooks.GetPlaybook(ctx, &playbookv1.GetPlaybookRequest{Id: missing})), codes.NotFound, nil},
		{"activating a missing one", second(playbooks.ActivatePlaybook(ctx, &playbookv1.ActivatePlaybookRequest{Id: missing})), codes.NotFound, nil},
		{"a bad token", second(playbooks.ListPlaybooks(ctx, &playbookv1.ListPlaybooksRequest{PageToken: "x"})), codes.InvalidArgument, []string{"page_token"}},
		{"enrolling in a missing one", second(enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: missing, Contact: "c"})), codes.NotFound, nil},
		{"a missing enrolment", second(enrolments.GetEnrolment(ctx, &playbookv1.GetEnrolmentRequest{Id: missing})), codes.NotFound, nil},
	} {
		var fields []string
		for _, detail := range status.Convert(test.err).Details() {
			if bad, ok := detail.(*errdetails.BadRequest); ok {
				for _, violation := range bad.GetFieldViolations() {
					fields = append(fields, violation.GetField())
				}
			}
		}
		if got := status.Code(test.err); got != test.code || !cmp.Equal(fields, test.fields) {
			t.Errorf("%s: got %v with fields %v, want %v with %v", test.name, test.err, fields, test.code, test.fields)
		}
	}
}

// fake is a store that answers reads with what it holds.
type fake struct {
	usecase.Store
	playbook  domain.Playbook
	enrolment domain.Enrolment
	err       error
}

func (f *fake) Playbook(context.Context, string) (domain.Playbook, error) { return f.playbook, f.err }

func (f *fake) Enrolment(context.Context, string) (domain.Enrolment, error) {
	return f.enrolment, f.err
}

// Every state and every step gets through, also those that no request leads to.
func TestEveryState(t *testing.T) {
	store := &fake{}
	playbooks, enrolments := connectTo(t, store)
	for _, state := range domain.PlaybookStates() {
		store.playbook.State = state
		got, err := playbooks.GetPlaybook(t.Context(), &playbookv1.GetPlaybookRequest{Id: missing})
		if err != nil || got.GetPlaybook().GetState().String() != "PLAYBOOK_STATE_"+string(state) {
			t.Errorf("a playbook that is %s: got %v, %v", state, got, err)
		}
	}
	for i, state := range domain.EnrolmentStates() {
		store.enrolment.State, store.enrolment.CurrentStep = state, i
		got, err := enrolments.GetEnrolment(t.Context(), &playbookv1.GetEnrolmentRequest{Id: missing})
		if err != nil || got.GetEnrolment().GetState().String() != "ENROLMENT_STATE_"+string(state) || got.GetEnrolment().GetCurrentStep() != int32(i) {
			t.Errorf("an enrolment that is %s at step %d: got %v, %v", state, i, got, err)
		}
	}
}

// The caller learns what it can act on, and nothing of the cause.
func TestCausesAreHidden(t *testing.T) {
	cause := errors.New("hunter2")
	for _, test := range []struct {
		err     error
		code    codes.Code
		message string
	}{
		{cause, codes.Internal, "internal error"},
		{&domain.Error{Kind: domain.Unavailable, Message: "the database is not available", Cause: cause}, codes.Unavailable, "the database is not available"},
	} {
		playbooks, _ := connectTo(t, &fake{err: test.err})
		_, err := playbooks.GetPlaybook(t.Context(), &playbookv1.GetPlaybookRequest{Id: missing})
		if got := status.Convert(err); got.Code() != test.code || got.Message() != test.message {
			t.Errorf("%v: got %v, want %v with %q", test.err, err, test.code, test.message)
		}
	}
}

// A store that fails because the caller gave up is not our failure.
func TestCallerGivesUp(t *testing.T) {
	var registered registrar
	handler.Register(usecase.New(&fake{err: context.Canceled}, time.Now, nil), slog.New(slog.DiscardHandler))(&registered)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := registered.playbooks.GetPlaybook(ctx, &playbookv1.GetPlaybookRequest{Id: missing})
	if status.Code(err) != codes.Canceled {
		t.Errorf("got %v, want the code %v", err, codes.Canceled)
	}
}

// registrar keeps the implementation, so that a test can call it with a context
// of its own; a client would give up by itself.
type registrar struct {
	playbooks playbookv1.PlaybookServiceServer
}

func (r *registrar) RegisterService(_ *grpc.ServiceDesc, implementation any) {
	if playbooks, ok := implementation.(playbookv1.PlaybookServiceServer); ok {
		r.playbooks = playbooks
	}
}

// The mask says what is changed, the expected revision keeps two callers from
// overwriting each other, and what has ended cannot be moved.
func TestChanges(t *testing.T) {
	ctx := t.Context()
	playbooks, enrolments := connect(t)
	created, err := playbooks.CreatePlaybook(ctx, &playbookv1.CreatePlaybookRequest{
		Name: "n", Description: "d", Steps: []*playbookv1.Step{{Kind: playbookv1.StepKind_STEP_KIND_CALL, Title: "t"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := created.GetPlaybook().GetId()
	mask := func(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
	for _, step := range []struct {
		name     string
		request  *playbookv1.UpdatePlaybookRequest
		code     codes.Code
		revision int64
	}{
		{"a name", &playbookv1.UpdatePlaybookRequest{Name: "m", Description: "ignored", UpdateMask: mask("name")}, codes.OK, 2},
		{"the same again", &playbookv1.UpdatePlaybookRequest{Name: "m", UpdateMask: mask("name")}, codes.OK, 2},
		{"an old revision", &playbookv1.UpdatePlaybookRequest{Name: "o", UpdateMask: mask("name"), ExpectedRevision: 1}, codes.Aborted, 0},
		{"the revision", &playbookv1.UpdatePlaybookRequest{UpdateMask: mask("description"), ExpectedRevision: 2}, codes.OK, 3},
		{"no mask", &playbookv1.UpdatePlaybookRequest{Name: "o"}, codes.InvalidArgument, 0},
		{"an unknown field", &playbookv1.UpdatePlaybookRequest{UpdateMask: mask("state")}, codes.InvalidArgument, 0},
		{"no name", &playbookv1.UpdatePlaybookRequest{UpdateMask: mask("name")}, codes.InvalidArgument, 0},
	} {
		step.request.Id = id
		got, err := playbooks.UpdatePlaybook(ctx, step.request)
		if status.Code(err) != step.code || got.GetPlaybook().GetRevision() != step.revision {
			t.Errorf("%s: got %v at revision %d, want %s at %d", step.name, err, got.GetPlaybook().GetRevision(), step.code, step.revision)
		}
	}
	if _, err := playbooks.ActivatePlaybook(ctx, &playbookv1.ActivatePlaybookRequest{Id: id, ExpectedRevision: 1}); status.Code(err) != codes.Aborted {
		t.Errorf("activating at an old revision: %v", err)
	}
	if _, err := playbooks.ActivatePlaybook(ctx, &playbookv1.ActivatePlaybookRequest{Id: id, ExpectedRevision: 3}); err != nil {
		t.Fatal(err)
	}
	enrolled, err := enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: id, Contact: "c"})
	if err != nil {
		t.Fatal(err)
	}
	enrolment := enrolled.GetEnrolment().GetId()
	archived, err := playbooks.ArchivePlaybook(ctx, &playbookv1.ArchivePlaybookRequest{Id: id})
	if err != nil || archived.GetPlaybook().GetState() != playbookv1.PlaybookState_PLAYBOOK_STATE_ARCHIVED {
		t.Errorf("ArchivePlaybook: got %v, %v", archived, err)
	}
	paused, err := enrolments.PauseEnrolment(ctx, &playbookv1.PauseEnrolmentRequest{Id: enrolment})
	if err != nil || paused.GetEnrolment().GetState() != playbookv1.EnrolmentState_ENROLMENT_STATE_PAUSED {
		t.Errorf("PauseEnrolment: got %v, %v", paused, err)
	}
	resumed, err := enrolments.ResumeEnrolment(ctx, &playbookv1.ResumeEnrolmentRequest{Id: enrolment})
	if err != nil || resumed.GetEnrolment().GetState() != playbookv1.EnrolmentState_ENROLMENT_STATE_ACTIVE {
		t.Errorf("ResumeEnrolment: got %v, %v", resumed, err)
	}
	cancelled, err := enrolments.CancelEnrolment(ctx, &playbookv1.CancelEnrolmentRequest{Id: enrolment})
	if err != nil || cancelled.GetEnrolment().GetState() != playbookv1.EnrolmentState_ENROLMENT_STATE_CANCELLED {
		t.Errorf("CancelEnrolment: got %v, %v", cancelled, err)
	}
	if _, err := enrolments.PauseEnrolment(ctx, &playbookv1.PauseEnrolmentRequest{Id: enrolment}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("pausing what has ended: %v", err)
	}
}
