package handler_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/uuidv7"
	"github.com/soketsugo/soketsugo/libs/testing/certificates"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
	"github.com/soketsugo/soketsugo/services/playbook/grpc/handler"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
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
	conn := serveEmpty(t)
	return playbookv1.NewPlaybookServiceClient(conn), playbookv1.NewEnrolmentServiceClient(conn)
}

// serveEmpty returns a connection to the services on an empty database.
func serveEmpty(t *testing.T) *grpc.ClientConn {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return serve(t, store)
}

func connectTo(t *testing.T, store usecase.Store) (playbookv1.PlaybookServiceClient, playbookv1.EnrolmentServiceClient) {
	t.Helper()
	conn := serve(t, store)
	return playbookv1.NewPlaybookServiceClient(conn), playbookv1.NewEnrolmentServiceClient(conn)
}

// serve returns a connection to the services on a store.
func serve(t *testing.T, store usecase.Store) *grpc.ClientConn {
	t.Helper()
	service := usecase.New(store, func() time.Time { return epoch }, func() string { return uuidv7.New(epoch) })
	server := grpc.NewServer()
	handler.Register(service, slog.New(slog.DiscardHandler))(server)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///memory",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(inWorkspace))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// inWorkspace adds a workspace to a call that has none.
func inWorkspace(ctx context.Context, method string, request, response any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	if sent, ok := metadata.FromOutgoingContext(ctx); !ok || len(sent["workspace"]) == 0 {
		ctx = metadata.AppendToOutgoingContext(ctx, "workspace", "acme")
	}
	return invoke(ctx, method, request, response, conn, options...)
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

// Every kind has a reason of its own, in the form that ErrorInfo asks for.
func TestEveryKindHasAReason(t *testing.T) {
	form := regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,62}$`)
	seen := map[domain.Reason]bool{}
	for _, reason := range domain.Reasons() {
		if seen[reason] || !form.MatchString(string(reason)) {
			t.Errorf("the reason %q is there twice or has the wrong form", reason)
		}
		seen[reason] = true
	}
	kinds := map[domain.Reason]domain.Kind{}
	for _, kind := range domain.Kinds() {
		reason := kind.Reason()
		if other, ok := kinds[reason]; ok || reason == domain.Internal || !seen[reason] {
			t.Errorf("%v has the reason %q, as has %v", kind, reason, other)
		}
		kinds[reason] = kind
	}
}

// reasonOf returns the reason of an error, which says whose it is.
func reasonOf(t *testing.T, err error) string {
	t.Helper()
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			if info.GetDomain() != handler.Domain {
				t.Errorf("the domain of %v is %q", err, info.GetDomain())
			}
			return info.GetReason()
		}
	}
	return ""
}

// Every error that a caller gets says its reason, also one without a kind.
func TestReasons(t *testing.T) {
	errs := map[error]domain.Reason{
		errors.New("broken"): domain.Internal,
		domain.Errorf(domain.FailedPrecondition, "no").Because(domain.PlaybookEmpty): domain.PlaybookEmpty,
		domain.InvalidField("f", "d"): domain.RequestInvalid,
	}
	for _, kind := range domain.Kinds() {
		errs[domain.Errorf(kind, "no")] = kind.Reason()
	}
	for cause, want := range errs {
		playbooks, _ := connectTo(t, &fake{err: cause})
		_, err := playbooks.GetPlaybook(t.Context(), &playbookv1.GetPlaybookRequest{Id: missing})
		if got := reasonOf(t, err); got != string(want) {
			t.Errorf("%v: the reason is %q, want %q", cause, got, want)
		}
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
	task      domain.Task
	err       error
}

func (f *fake) Playbook(context.Context, domain.Workspace, string) (domain.Playbook, error) {
	return f.playbook, f.err
}

func (f *fake) Enrolment(context.Context, domain.Workspace, string) (domain.Enrolment, error) {
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
	ctx, cancel := context.WithCancel(metadata.NewIncomingContext(t.Context(), metadata.Pairs("workspace", "acme")))
	cancel()
	_, err := registered.playbooks.GetPlaybook(ctx, &playbookv1.GetPlaybookRequest{Id: missing})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v, which the server knows", err, context.Canceled)
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
	_, err = enrolments.PauseEnrolment(ctx, &playbookv1.PauseEnrolmentRequest{Id: enrolment})
	if status.Code(err) != codes.FailedPrecondition || reasonOf(t, err) != string(domain.EnrolmentEnded) {
		t.Errorf("pausing what has ended: %v", err)
	}
}

// A call without a workspace, or with one that is none, is refused; so is one for a
// workspace that the caller's certificate does not name.
func TestWorkspace(t *testing.T) {
	authority := certificates.NewAuthority(t)
	secured := func(uris ...string) credentials.AuthInfo {
		leaf := authority.Issue(t, "caller", uris...).Leaf
		return credentials.TLSInfo{State: tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}}
	}
	for _, test := range []struct {
		name   string
		sent   []string
		caller credentials.AuthInfo
		want   codes.Code
	}{
		{"a workspace", []string{"acme"}, nil, codes.OK},
		{"none", nil, nil, codes.InvalidArgument},
		{"an empty one", []string{""}, nil, codes.InvalidArgument},
		{"one that is none", []string{"Acme"}, nil, codes.InvalidArgument},
		{"two", []string{"acme", "acme"}, nil, codes.InvalidArgument},
		{"its own", []string{"acme"}, secured("workspace:acme"), codes.OK},
		{"one of its own", []string{"acme"}, secured("spiffe://cluster/x", "workspace:rival", "workspace:acme"), codes.OK},
		{"any", []string{"acme"}, secured("workspace:*"), codes.OK},
		{"another's", []string{"acme"}, secured("workspace:rival"), codes.PermissionDenied},
		{"a certificate without", []string{"acme"}, secured(), codes.PermissionDenied},
		{"another scheme", []string{"acme"}, secured("https:acme", "acme", "workspace://acme", "workspace:///acme"), codes.PermissionDenied},
		{"a prefix", []string{"acme"}, secured("workspace:acme-2", "workspace:ac*"), codes.PermissionDenied},
		{"TLS without a certificate", []string{"acme"}, credentials.TLSInfo{}, codes.PermissionDenied},
		{"a star", []string{"*"}, secured("workspace:*"), codes.InvalidArgument},
	} {
		var registered registrar
		service := usecase.New(&fake{}, time.Now, nil)
		handler.Register(service, slog.New(slog.DiscardHandler))(&registered)
		ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{"workspace": test.sent})
		ctx = peer.NewContext(ctx, &peer.Peer{AuthInfo: test.caller})
		if _, err := registered.playbooks.GetPlaybook(ctx, &playbookv1.GetPlaybookRequest{Id: missing}); status.Code(err) != test.want {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

// What is in one workspace is not in another.
func TestOtherWorkspace(t *testing.T) {
	playbooks, _ := connect(t)
	created, err := playbooks.CreatePlaybook(t.Context(), &playbookv1.CreatePlaybookRequest{Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	stranger := metadata.AppendToOutgoingContext(t.Context(), "workspace", "rival")
	if _, err := playbooks.GetPlaybook(stranger, &playbookv1.GetPlaybookRequest{Id: created.GetPlaybook().GetId()}); status.Code(err) != codes.NotFound {
		t.Errorf("got %v, want NOT_FOUND", err)
	}
}

// active returns the ID of an active playbook.
func active(t *testing.T, playbooks playbookv1.PlaybookServiceClient) string {
	t.Helper()
	created, err := playbooks.CreatePlaybook(t.Context(), &playbookv1.CreatePlaybookRequest{
		Name: "n", Steps: []*playbookv1.Step{{Kind: playbookv1.StepKind_STEP_KIND_CALL, Title: "t"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := created.GetPlaybook().GetId()
	if _, err := playbooks.ActivatePlaybook(t.Context(), &playbookv1.ActivatePlaybookRequest{Id: id}); err != nil {
		t.Fatal(err)
	}
	return id
}

// A stream answers each request with a result for each of its contacts, and ends
// where a request cannot be taken.
func TestEnrolContacts(t *testing.T) {
	playbooks, enrolments := connect(t)
	id := active(t, playbooks)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "workspace", "acme")
	stream, err := enrolments.EnrolContacts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		contacts []string
		want     []codes.Code
	}{
		{[]string{"a", "b"}, []codes.Code{codes.OK, codes.OK}},
		{[]string{"a", "c", "", "c"}, []codes.Code{codes.AlreadyExists, codes.OK, codes.InvalidArgument, codes.AlreadyExists}},
	} {
		if err := stream.Send(&playbookv1.EnrolContactsRequest{PlaybookId: id, Contacts: test.contacts}); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for i, result := range answer.GetResults() {
			if result.GetContact() != test.contacts[i] || codes.Code(result.GetCode()) != test.want[i] ||
				(result.GetEnrolment() != nil) != (test.want[i] == codes.OK) || (result.GetMessage() == "") != (test.want[i] == codes.OK) ||
				(result.GetReason() == "") != (test.want[i] == codes.OK) {
				t.Errorf("contact %q: got %v, want %v", test.contacts[i], result, test.want[i])
			}
		}
		if got := len(answer.GetResults()); got != len(test.want) {
			t.Errorf("there are %d results, want %d", got, len(test.want))
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
	for _, test := range []struct {
		name    string
		ctx     context.Context
		request *playbookv1.EnrolContactsRequest
		want    codes.Code
	}{
		{"no workspace", t.Context(), &playbookv1.EnrolContactsRequest{PlaybookId: id, Contacts: []string{"d"}}, codes.InvalidArgument},
		{"no contacts", ctx, &playbookv1.EnrolContactsRequest{PlaybookId: id}, codes.InvalidArgument},
		{"too many contacts", ctx, &playbookv1.EnrolContactsRequest{PlaybookId: id, Contacts: make([]string, 1001)}, codes.InvalidArgument},
		{"a missing playbook", ctx, &playbookv1.EnrolContactsRequest{PlaybookId: missing, Contacts: []string{"d"}}, codes.NotFound},
	} {
		stream, err := enrolments.EnrolContacts(test.ctx)
		if err != nil {
			t.Fatal(err)
		}
		// It fails where the stream has ended already.
		_ = stream.Send(test.request)
		if _, err := stream.Recv(); status.Code(err) != test.want {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

// The whole of a stream is bounded, not only each request, and an answer of the
// largest size gets through.
func TestEnrolContactsBounds(t *testing.T) {
	long.Test(t)
	playbooks, enrolments := connect(t)
	id := active(t, playbooks)
	stream, err := enrolments.EnrolContacts(metadata.AppendToOutgoingContext(t.Context(), "workspace", "acme"))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for request := range 11 {
		contacts := make([]string, 1000)
		for i := range contacts {
			contacts[i] = fmt.Sprintf("%s %6d", strings.Repeat("🦊", domain.MaxContactLength-7), request*1000+i)
		}
		_ = stream.Send(&playbookv1.EnrolContactsRequest{PlaybookId: id, Contacts: contacts}) // Recv says why
		answer, err := stream.Recv()
		if request == 10 {
			if status.Code(err) != codes.InvalidArgument {
				t.Errorf("contact 10,001: got %v, want INVALID_ARGUMENT", err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range answer.GetResults() {
			if result.GetCode() != 0 {
				t.Fatalf("got %v", result)
			}
		}
	}
	t.Logf("10,000 contacts took %s", time.Since(begin).Round(time.Millisecond))
}

// A list names the next page until it ends, and can be narrowed down.
func TestListEnrolments(t *testing.T) {
	ctx := t.Context()
	playbooks, enrolments := connect(t)
	id := active(t, playbooks)
	var all []*playbookv1.Enrolment
	for _, contact := range []string{"a", "b", "c"} {
		enrolled, err := enrolments.EnrolContact(ctx, &playbookv1.EnrolContactRequest{PlaybookId: id, Contact: contact})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, enrolled.GetEnrolment())
	}
	// The clock stands still, so that IDs decide.
	slices.SortFunc(all, func(a, b *playbookv1.Enrolment) int { return strings.Compare(b.GetId(), a.GetId()) })
	middle := all[1].GetContact()
	paused, err := enrolments.PauseEnrolment(ctx, &playbookv1.PauseEnrolmentRequest{Id: all[1].GetId()})
	if err != nil {
		t.Fatal(err)
	}
	all[1] = paused.GetEnrolment()
	for _, test := range []struct {
		name    string
		request *playbookv1.ListEnrolmentsRequest
		want    []*playbookv1.Enrolment
	}{
		{"all", &playbookv1.ListEnrolmentsRequest{PageSize: 2}, all},
		{"by state", &playbookv1.ListEnrolmentsRequest{PageSize: 1, State: playbookv1.EnrolmentState_ENROLMENT_STATE_ACTIVE}, []*playbookv1.Enrolment{all[0], all[2]}},
		{"by contact", &playbookv1.ListEnrolmentsRequest{Contact: middle}, all[1:2]},
		{"by both", &playbookv1.ListEnrolmentsRequest{Contact: middle, State: playbookv1.EnrolmentState_ENROLMENT_STATE_COMPLETED}, nil},
	} {
		var got []*playbookv1.Enrolment
		for test.request.PlaybookId = id; ; {
			page, err := enrolments.ListEnrolments(ctx, test.request)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			got = append(got, page.GetEnrolments()...)
			if test.request.PageToken = page.GetNextPageToken(); test.request.PageToken == "" {
				break
			}
		}
		if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	for _, state := range []playbookv1.EnrolmentState{-1, 99} {
		if _, err := enrolments.ListEnrolments(ctx, &playbookv1.ListEnrolmentsRequest{PlaybookId: id, State: state}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("state %d: got %v, want INVALID_ARGUMENT", state, err)
		}
	}
}
