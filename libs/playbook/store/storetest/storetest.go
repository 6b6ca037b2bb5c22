// Package storetest is the conformance suite that every store of playbooks and
// enrolments passes.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// Store is what is tested.
type Store interface {
	usecase.Store
	Ping(ctx context.Context) error
	CheckSchema(ctx context.Context) error
}

// Run runs the suite. Each call of open must return a store on an empty
// database that no other store uses.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Store)
	}{
		{"Checks", checks},
		{"PlaybookRoundTrip", playbookRoundTrip},
		{"PlaybookNotFound", playbookNotFound},
		{"PlaybookTwice", playbookTwice},
		{"Update", update},
		{"UpdateConflict", updateConflict},
		{"ConcurrentUpdate", concurrentUpdate},
		{"Steps", steps},
		{"Pages", pages},
		{"PagesAtTheEdges", pagesAtTheEdges},
		{"EnrolmentRoundTrip", enrolmentRoundTrip},
		{"EnrolmentNotFound", enrolmentNotFound},
		{"UpdateEnrolment", updateEnrolment},
		{"ConcurrentEnrolmentUpdate", concurrentEnrolmentUpdate},
		{"OneLiveEnrolment", oneLiveEnrolment},
		{"ConcurrentEnrolment", concurrentEnrolment},
		{"EnrolmentInChangedPlaybook", enrolmentInChangedPlaybook},
		{"Bulk", bulk},
		{"BulkInChangedPlaybook", bulkInChangedPlaybook},
		{"ConcurrentBulk", concurrentBulk},
		{"EnrolmentPages", enrolmentPages},
		{"Workspaces", workspaces},
		{"TaskRoundTrip", taskRoundTrip},
		{"TaskNotFound", taskNotFound},
		{"ClaimOrder", claimOrder},
		{"LeaseRunsOut", leaseRunsOut},
		{"CompleteTasks", completeTasks},
		{"FailTasks", failTasks},
		{"TasksOfInactive", tasksOfInactive},
		{"TasksOfWorkspaces", tasksOfWorkspaces},
		{"DueTasks", dueTasks},
		{"ConcurrentClaims", concurrentClaims},
		{"ConcurrentCompletion", concurrentCompletion},
		{"KeyRoundTrip", keyRoundTrip},
		{"KeysOfAnotherWorkspace", keysOfAnotherWorkspace},
		{"RevokeKey", revokeKey},
		{"UseKey", useKey},
		{"KeyPages", keyPages},
		{"RequestRoundTrip", requestRoundTrip},
		{"RequestsOfOthers", requestsOfOthers},
		{"GivenUpClaim", givenUpClaim},
		{"ReleaseRequest", releaseRequest},
		{"ConcurrentClaim", concurrentClaim},
		{"PurgeRequests", purgeRequests},
		{"ApplyEvent", applyEvent},
		{"ApplyEventTwice", applyEventTwice},
		{"PurgeEvents", purgeEvents},
		{"CancelledContext", cancelledContext},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// workspace is where the tests take place; stranger is another one.
const (
	workspace domain.Workspace = "acme"
	stranger  domain.Workspace = "rival"
)

// epoch is when the tests take place: microseconds are the finest that a store
// keeps.
var epoch = time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)

// id returns a UUID whose order is that of n.
func id(n int) string { return fmt.Sprintf("0190b0a4-7c3e-7b1a-8f1e-%012x", n) }

func newPlaybook(t *testing.T, n int, at time.Time) domain.Playbook {
	t.Helper()
	playbook, err := domain.NewPlaybook(id(n), domain.Draft{
		Name:  fmt.Sprintf("Playbook %d", n),
		Steps: []domain.Step{{Kind: domain.StepCall, Title: "Call", Delay: time.Hour}},
	}, at)
	if err != nil {
		t.Fatal(err)
	}
	return playbook
}

func create(t *testing.T, store Store, playbook domain.Playbook) domain.Playbook {
	t.Helper()
	if err := store.CreatePlaybook(t.Context(), workspace, playbook); err != nil {
		t.Fatalf("CreatePlaybook: %v", err)
	}
	return playbook
}

// createActive stores an active playbook.
func createActive(t *testing.T, store Store, n int) domain.Playbook {
	t.Helper()
	active, err := newPlaybook(t, n, epoch).Activate(epoch)
	if err != nil {
		t.Fatal(err)
	}
	return create(t, store, active)
}

func newEnrolment(t *testing.T, n int, playbook domain.Playbook, contact string) domain.Enrolment {
	t.Helper()
	enrolment, err := domain.Enrol(id(n), playbook, contact, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return enrolment
}

func wantKind(t *testing.T, what string, err error, want domain.Kind) {
	t.Helper()
	if got := domain.KindOf(err); got != want {
		t.Errorf("%s: got kind %v (%v), want %v", what, got, err, want)
	}
}

func wantEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// A database with the schema passes the checks for readiness.
func checks(t *testing.T, store Store) {
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
	if err := store.CheckSchema(t.Context()); err != nil {
		t.Errorf("CheckSchema: %v", err)
	}
}

// Whatever the domain accepts comes back as it was, up to its bounds and beyond
// ASCII.
func playbookRoundTrip(t *testing.T, store Store) {
	most := make([]domain.Step, domain.MaxSteps)
	for i := range most {
		most[i] = domain.Step{
			Kind:  domain.StepKinds()[i%len(domain.StepKinds())],
			Title: strings.Repeat("疎", domain.MaxTitleLength),
			Delay: domain.MaxDelay,
		}
	}
	for i, draft := range []domain.Draft{
		{Name: "x"},
		{Name: "Erstkontakt ☎ 👩‍💻 e\u0301", Description: "a\nb\tc \"d\" 'e' \\ % _ \u2028."},
		{Name: strings.Repeat("🦊", domain.MaxNameLength), Description: strings.Repeat("é", domain.MaxDescriptionLength), Steps: most},
	} {
		want, err := domain.NewPlaybook(id(i), draft, epoch)
		if err != nil {
			t.Fatal(err)
		}
		create(t, store, want)
		got, err := store.Playbook(t.Context(), workspace, want.ID)
		if err != nil {
			t.Fatalf("Playbook: %v", err)
		}
		wantEqual(t, "the playbook", got, want)
	}
}

// An ID that nothing has is NotFound for reading and for writing.
func playbookNotFound(t *testing.T, store Store) {
	_, err := store.Playbook(t.Context(), workspace, id(1))
	wantKind(t, "Playbook", err, domain.NotFound)
	wantKind(t, "UpdatePlaybook", store.UpdatePlaybook(t.Context(), workspace, newPlaybook(t, 1, epoch), 1), domain.NotFound)
}

// An ID can be used once.
func playbookTwice(t *testing.T, store Store) {
	playbook := create(t, store, newPlaybook(t, 1, epoch))
	wantKind(t, "CreatePlaybook", store.CreatePlaybook(t.Context(), workspace, playbook), domain.AlreadyExists)
}

// An update replaces everything but the ID and the time of creation.
func update(t *testing.T, store Store) {
	playbook := create(t, store, newPlaybook(t, 1, epoch))
	other := create(t, store, newPlaybook(t, 2, epoch))
	changed, err := playbook.Activate(epoch.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	changed.Name, changed.Description, changed.Steps = "Other name", "Other text", []domain.Step{
		{Kind: domain.StepWait, Title: "Wait"}, {Kind: domain.StepTask, Title: "Do", Delay: time.Second},
	}
	if err := store.UpdatePlaybook(t.Context(), workspace, changed, playbook.Revision); err != nil {
		t.Fatalf("UpdatePlaybook: %v", err)
	}
	for _, want := range []domain.Playbook{changed, other} {
		got, err := store.Playbook(t.Context(), workspace, want.ID)
		if err != nil {
			t.Fatalf("Playbook: %v", err)
		}
		wantEqual(t, "the playbook", got, want)
	}
}

// An update that is based on an old revision changes nothing.
func updateConflict(t *testing.T, store Store) {
	active := createActive(t, store, 1)
	late := active
	late.Name, late.Revision = "Late", active.Revision+1
	wantKind(t, "UpdatePlaybook", store.UpdatePlaybook(t.Context(), workspace, late, active.Revision-1), domain.Conflict)
	got, err := store.Playbook(t.Context(), workspace, active.ID)
	if err != nil {
		t.Fatalf("Playbook: %v", err)
	}
	wantEqual(t, "the playbook", got, active)
}

// Of many updates from the same revision one wins, and the others learn it.
func concurrentUpdate(t *testing.T, store Store) {
	playbook := create(t, store, newPlaybook(t, 1, epoch))
	active, err := playbook.Activate(epoch)
	if err != nil {
		t.Fatal(err)
	}
	wantOneWinner(t, 8, domain.Conflict, func(int) error {
		return store.UpdatePlaybook(t.Context(), workspace, active, playbook.Revision)
	})
}

// wantOneWinner calls f many times at once. One caller wins, the errors of the others
// have a kind.
func wantOneWinner(t *testing.T, callers int, losers domain.Kind, f func(n int) error) {
	t.Helper()
	errs := make([]error, callers)
	var group sync.WaitGroup
	for n := range callers {
		group.Go(func() { errs[n] = f(n) })
	}
	group.Wait()
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
			continue
		}
		wantKind(t, "a caller that lost", err, losers)
	}
	if winners != 1 {
		t.Errorf("%d callers won, want 1", winners)
	}
}

// Pages of any size, put together, are the whole list in order, also where
// times are equal.
func pages(t *testing.T, store Store) {
	const count = 11
	var want []string
	for n := range count {
		// Three times only, so that IDs decide within each of them.
		create(t, store, newPlaybook(t, n, epoch.Add(time.Duration(n/4)*time.Microsecond)))
		want = append([]string{id(n)}, want...)
	}
	for _, size := range []int{1, 2, 3, 4, count, count + 1} {
		var got []string
		var after *usecase.Position
		for {
			page, err := store.Playbooks(t.Context(), workspace, after, size)
			if err != nil {
				t.Fatalf("Playbooks: %v", err)
			}
			if len(page) > size {
				t.Fatalf("Playbooks returned %d playbooks, want at most %d", len(page), size)
			}
			if len(page) == 0 {
				break
			}
			for _, playbook := range page {
				got = append(got, playbook.ID)
			}
			last := page[len(page)-1]
			after = &usecase.Position{CreatedAt: last.CreatedAt, ID: last.ID}
		}
		wantEqual(t, fmt.Sprintf("pages of %d", size), got, want)
	}
}

// Positions that no playbook has, before, within and after the list, and an
// empty list are nothing special.
func pagesAtTheEdges(t *testing.T, store Store) {
	list := func(position *usecase.Position) []domain.Playbook {
		t.Helper()
		page, err := store.Playbooks(t.Context(), workspace, position, 10)
		if err != nil {
			t.Fatalf("Playbooks: %v", err)
		}
		return page
	}
	wantEqual(t, "an empty database", list(nil), []domain.Playbook(nil))
	playbook := create(t, store, newPlaybook(t, 5, epoch))
	whole := []domain.Playbook{playbook}
	year := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	for _, test := range []struct {
		name     string
		position usecase.Position
		want     []domain.Playbook
	}{
		{"far in the future", usecase.Position{CreatedAt: year(9999), ID: id(0)}, whole},
		{"far in the past", usecase.Position{CreatedAt: year(1), ID: id(0)}, nil},
		{"just after", usecase.Position{CreatedAt: epoch, ID: id(6)}, whole},
		{"at it", usecase.Position{CreatedAt: epoch, ID: id(5)}, nil},
		{"just before", usecase.Position{CreatedAt: epoch, ID: id(4)}, nil},
	} {
		wantEqual(t, test.name, list(&test.position), test.want)
	}
}

// Whatever the domain accepts comes back as it was.
func enrolmentRoundTrip(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	for i, contact := range []string{"crm:1", "O'Brien \"☎\" %", strings.Repeat("🦊", domain.MaxContactLength)} {
		want := newEnrolment(t, 10+i, playbook, contact)
		if err := store.CreateEnrolment(t.Context(), workspace, want, firstTask(want)); err != nil {
			t.Fatalf("CreateEnrolment: %v", err)
		}
		got, err := store.Enrolment(t.Context(), workspace, want.ID)
		if err != nil {
			t.Fatalf("Enrolment: %v", err)
		}
		wantEqual(t, "the enrolment", got, want)
	}
}

// What does not exist cannot be read or enrolled in.
func enrolmentNotFound(t *testing.T, store Store) {
	_, err := store.Enrolment(t.Context(), workspace, id(1))
	wantKind(t, "Enrolment", err, domain.NotFound)
	missing, err := newPlaybook(t, 1, epoch).Activate(epoch)
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, "CreateEnrolment", store.CreateEnrolment(t.Context(), workspace, newEnrolment(t, 2, missing, "c"), firstTask(newEnrolment(t, 2, missing, "c"))), domain.NotFound)
}

// An enrolment is replaced where it is at the state and step that was read, and
// at no other.
func updateEnrolment(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	before := newEnrolment(t, 10, playbook, "c")
	if err := store.CreateEnrolment(t.Context(), workspace, before, firstTask(before)); err != nil {
		t.Fatalf("CreateEnrolment: %v", err)
	}
	after := before
	after.State, after.CurrentStep, after.DueAt = domain.EnrolmentPaused, 1, epoch.Add(time.Hour)
	if err := store.UpdateEnrolment(t.Context(), workspace, after, before); err != nil {
		t.Fatalf("UpdateEnrolment: %v", err)
	}
	got, err := store.Enrolment(t.Context(), workspace, before.ID)
	if err != nil {
		t.Fatalf("Enrolment: %v", err)
	}
	wantEqual(t, "the enrolment", got, after)
	wantKind(t, "UpdateEnrolment from another state", store.UpdateEnrolment(t.Context(), workspace, after, before), domain.Conflict)
	elsewhere := after
	elsewhere.CurrentStep = 7
	wantKind(t, "UpdateEnrolment from another step", store.UpdateEnrolment(t.Context(), workspace, after, elsewhere), domain.Conflict)
	wantKind(t, "UpdateEnrolment of none", store.UpdateEnrolment(t.Context(), workspace, newEnrolment(t, 11, playbook, "d"), before), domain.NotFound)
}

// Of many who move an enrolment at once one does.
func concurrentEnrolmentUpdate(t *testing.T, store Store) {
	before := newEnrolment(t, 10, createActive(t, store, 1), "c")
	if err := store.CreateEnrolment(t.Context(), workspace, before, firstTask(before)); err != nil {
		t.Fatalf("CreateEnrolment: %v", err)
	}
	errs := make(chan error, 8)
	for i := range cap(errs) {
		after := before
		after.CurrentStep = i + 1
		go func() { errs <- store.UpdateEnrolment(t.Context(), workspace, after, before) }()
	}
	moved := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			moved++
		} else {
			wantKind(t, "UpdateEnrolment", err, domain.Conflict)
		}
	}
	if moved != 1 {
		t.Errorf("%d moved the enrolment, want 1", moved)
	}
}

// A contact has one live enrolment per playbook. Those that ended do not count,
// nor do other playbooks and other contacts.
func oneLiveEnrolment(t *testing.T, store Store) {
	playbook, other := createActive(t, store, 1), createActive(t, store, 2)
	n := 10
	enrol := func(playbook domain.Playbook, contact string, state domain.EnrolmentState) error {
		n++
		enrolment := newEnrolment(t, n, playbook, contact)
		enrolment.State = state
		return store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment))
	}
	for _, test := range []struct {
		name     string
		playbook domain.Playbook
		contact  string
		state    domain.EnrolmentState
		want     domain.Kind
	}{
		{"one that was completed", playbook, "a", domain.EnrolmentCompleted, 0},
		{"one that was cancelled", playbook, "a", domain.EnrolmentCancelled, 0},
		{"the first live one", playbook, "a", domain.EnrolmentPaused, 0},
		{"a second live one", playbook, "a", domain.EnrolmentActive, domain.AlreadyExists},
		{"a second live one, paused", playbook, "a", domain.EnrolmentPaused, domain.AlreadyExists},
		{"another that was cancelled", playbook, "a", domain.EnrolmentCancelled, 0},
		{"another contact", playbook, "b", domain.EnrolmentActive, 0},
		{"another playbook", other, "a", domain.EnrolmentActive, 0},
	} {
		wantKind(t, test.name, enrol(test.playbook, test.contact, test.state), test.want)
	}
	used := newEnrolment(t, n, playbook, "c")
	wantKind(t, "an ID that is taken", store.CreateEnrolment(t.Context(), workspace, used, firstTask(used)), domain.AlreadyExists)
}

// Of many enrolments of one contact at once, one wins.
func concurrentEnrolment(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	enrolments := make([]domain.Enrolment, 8)
	for n := range enrolments {
		enrolments[n] = newEnrolment(t, 10+n, playbook, "a")
	}
	wantOneWinner(t, len(enrolments), domain.AlreadyExists, func(n int) error {
		return store.CreateEnrolment(t.Context(), workspace, enrolments[n], firstTask(enrolments[n]))
	})
}

// An enrolment that was worked out from an old revision is refused, since the
// playbook may have been archived meanwhile.
func enrolmentInChangedPlaybook(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	enrolment := newEnrolment(t, 2, playbook, "a")
	changed := playbook
	changed.State, changed.Revision = domain.PlaybookArchived, playbook.Revision+1
	if err := store.UpdatePlaybook(t.Context(), workspace, changed, playbook.Revision); err != nil {
		t.Fatalf("UpdatePlaybook: %v", err)
	}
	wantKind(t, "CreateEnrolment", store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment)), domain.Conflict)
}

// A caller that gave up gets its own error back, of no kind.
func cancelledContext(t *testing.T, store Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Playbook(ctx, workspace, id(1))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Playbook: got %v, want %v", err, context.Canceled)
	}
	wantKind(t, "Playbook", err, 0)
}
