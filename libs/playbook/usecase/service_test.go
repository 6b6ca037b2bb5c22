package usecase_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
)

const workspace domain.Workspace = "acme"

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func id(n int) string { return fmt.Sprintf("0190b0a4-7c3e-7b1a-8f1e-%012x", n) }

// newService returns a service on an empty database, whose clock stands still
// and whose IDs are counted.
func newService(t *testing.T) *usecase.Service {
	t.Helper()
	return serviceOn(newStore(t))
}

func newStore(t *testing.T) usecase.Store {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

func serviceOn(store usecase.Store) *usecase.Service {
	count := 0
	return usecase.New(store, func() time.Time { return epoch }, func() string {
		count++
		return id(count)
	})
}

func create(t *testing.T, service *usecase.Service, steps ...domain.Step) domain.Playbook {
	t.Helper()
	playbook, err := service.CreatePlaybook(t.Context(), workspace, domain.Draft{Name: "n", Steps: steps})
	if err != nil {
		t.Fatal(err)
	}
	return playbook
}

// A playbook is created, read, activated twice and enrolled in once.
func TestLifeOfAPlaybook(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	playbook := create(t, service, domain.Step{Kind: domain.StepCall, Title: "t"})
	if _, err := service.EnrolContact(ctx, workspace, playbook.ID, "c"); domain.KindOf(err) != domain.FailedPrecondition {
		t.Errorf("enrolling in a draft: %v", err)
	}
	for range 2 {
		active, err := service.ActivatePlaybook(ctx, workspace, playbook.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if active.State != domain.PlaybookActive || active.Revision != 2 {
			t.Errorf("the playbook is %s at revision %d, want ACTIVE at 2", active.State, active.Revision)
		}
	}
	enrolment, err := service.EnrolContact(ctx, workspace, playbook.ID, "c")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.EnrolContact(ctx, workspace, playbook.ID, "c"); domain.KindOf(err) != domain.AlreadyExists {
		t.Errorf("enrolling twice: %v", err)
	}
	got, err := service.GetEnrolment(ctx, workspace, enrolment.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(enrolment, got); diff != "" {
		t.Errorf("GetEnrolment (-want +got):\n%s", diff)
	}
}

// Mistakes and missing things have their kinds.
func TestErrors(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	empty := create(t, service)
	second := func(_ any, err error) error { return err }
	for _, test := range []struct {
		name string
		err  error
		want domain.Kind
	}{
		{"create without a name", second(service.CreatePlaybook(ctx, workspace, domain.Draft{})), domain.Invalid},
		{"get a bad ID", second(service.GetPlaybook(ctx, workspace, "x")), domain.Invalid},
		{"get a missing one", second(service.GetPlaybook(ctx, workspace, id(99))), domain.NotFound},
		{"activate a bad ID", second(service.ActivatePlaybook(ctx, workspace, "x", 0)), domain.Invalid},
		{"activate a missing one", second(service.ActivatePlaybook(ctx, workspace, id(99), 0)), domain.NotFound},
		{"activate without steps", second(service.ActivatePlaybook(ctx, workspace, empty.ID, 0)), domain.FailedPrecondition},
		{"enrol with a bad ID", second(service.EnrolContact(ctx, workspace, "x", "c")), domain.Invalid},
		{"enrol in a missing one", second(service.EnrolContact(ctx, workspace, id(99), "c")), domain.NotFound},
		{"get an enrolment with a bad ID", second(service.GetEnrolment(ctx, workspace, "x")), domain.Invalid},
		{"get a missing enrolment", second(service.GetEnrolment(ctx, workspace, id(99))), domain.NotFound},
		{"a negative page size", second(service.ListPlaybooks(ctx, workspace, -1, "")), domain.Invalid},
	} {
		if got := domain.KindOf(test.err); got != test.want {
			t.Errorf("%s: got kind %v (%v), want %v", test.name, got, test.err, test.want)
		}
	}
}

// Pages put together are the whole list, the newest first, also when playbooks
// are added between two pages.
func TestListPlaybooks(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	var want []string
	for range 5 {
		want = append([]string{create(t, service).ID}, want...)
	}
	var got []string
	token := ""
	for {
		page, err := service.ListPlaybooks(ctx, workspace, 2, token)
		if err != nil {
			t.Fatal(err)
		}
		for _, playbook := range page.Playbooks {
			got = append(got, playbook.ID)
		}
		if page.NextToken == "" {
			break
		}
		token = page.NextToken
		create(t, service)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

// Sizes have their bounds.
func TestPageSizes(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	for range usecase.MaxPageSize + 1 {
		create(t, service)
	}
	for _, test := range []struct {
		size, want int
		more       bool
	}{
		{0, usecase.DefaultPageSize, true},
		{1, 1, true},
		{usecase.MaxPageSize, usecase.MaxPageSize, true},
		{usecase.MaxPageSize + 1, usecase.MaxPageSize, true},
		{1 << 30, usecase.MaxPageSize, true},
	} {
		page, err := service.ListPlaybooks(ctx, workspace, test.size, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Playbooks) != test.want || (page.NextToken != "") != test.more {
			t.Errorf("size %d: got %d playbooks, token %q; want %d, more = %v",
				test.size, len(page.Playbooks), page.NextToken, test.want, test.more)
		}
	}
}

// A page that ends with the list has no token.
func TestLastPage(t *testing.T) {
	service := newService(t)
	create(t, service)
	create(t, service)
	page, err := service.ListPlaybooks(t.Context(), workspace, 2, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Playbooks) != 2 || page.NextToken != "" {
		t.Errorf("got %d playbooks, token %q; want 2 and none", len(page.Playbooks), page.NextToken)
	}
}

// However large playbooks are, a page fits into what a gRPC client takes by
// default, and pages put together are the whole list.
func TestLargePlaybooks(t *testing.T) {
	const grpcLimit, count = 4 << 20, 60
	service := newService(t)
	steps := make([]domain.Step, domain.MaxSteps)
	for i := range steps {
		steps[i] = domain.Step{Kind: domain.StepCall, Title: strings.Repeat("🦊", domain.MaxTitleLength)}
	}
	for range count {
		create(t, service, steps...)
	}
	seen, pages, token := 0, 0, ""
	for {
		page, err := service.ListPlaybooks(t.Context(), workspace, count, token)
		if err != nil {
			t.Fatal(err)
		}
		if size := len(fmt.Sprint(page.Playbooks)); size > grpcLimit {
			t.Errorf("page %d has %d bytes, want at most %d", pages, size, grpcLimit)
		}
		pages++
		seen += len(page.Playbooks)
		if token = page.NextToken; token == "" {
			break
		}
	}
	if seen != count || pages < 2 || pages > 4 {
		t.Errorf("%d pages held %d playbooks, want 2 to 4 with %d", pages, seen, count)
	}
}

// forge makes a token for a list without the service.
func forge(at time.Time, id string, list ...string) string {
	raw := binary.BigEndian.AppendUint64([]byte{2}, uint64(at.UnixMicro()))
	raw = append(raw, id...)
	sum := crc32.ChecksumIEEE(append(slices.Clone(raw), strings.Join(list, "\x00")...))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(raw, sum))
}

// A forged token with a time that databases disagree about is refused.
func TestTokenYears(t *testing.T) {
	service := newService(t)
	for _, test := range []struct {
		year int
		ok   bool
	}{{0, false}, {1, true}, {9999, true}, {10000, false}} {
		token := forge(time.Date(test.year, 6, 1, 0, 0, 0, 0, time.UTC), id(1), "playbooks", string(workspace))
		_, err := service.ListPlaybooks(t.Context(), workspace, 1, token)
		if (err == nil) != test.ok {
			t.Errorf("year %d: got %v, want ok = %v", test.year, err, test.ok)
		}
	}
}

// A token that was changed anywhere is refused, on its field.
func TestBadTokens(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	create(t, service)
	create(t, service)
	page, err := service.ListPlaybooks(ctx, workspace, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	good := page.NextToken
	if _, err := service.ListPlaybooks(ctx, workspace, 1, good); err != nil {
		t.Fatalf("the token itself: %v", err)
	}
	// The last character holds bits that are not used; set, they name the same
	// page a second time.
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(digits, good[len(good)-1])
	bad := []string{good[:len(good)-1] + string(digits[last+1]), "x", good + "A", good[1:], good[:len(good)-1], strings.ToLower(good), good + "=", " " + good}
	for i := range good {
		replacement := "A"
		if good[i] == 'A' {
			replacement = "B"
		}
		bad = append(bad, good[:i]+replacement+good[i+1:])
	}
	for _, token := range bad {
		_, err := service.ListPlaybooks(ctx, workspace, 1, token)
		var typed *domain.Error
		if !errors.As(err, &typed) || typed.Kind != domain.Invalid || typed.Violations[0].Field != "page_token" {
			t.Errorf("token %q: got %v, want a mistake in page_token", token, err)
		}
	}
}

// A token is for one list: that of another workspace or filter is refused, and one
// that was forged from it shows nothing but the list of the request.
func TestTokensOfOtherLists(t *testing.T) {
	const stranger domain.Workspace = "rival"
	ctx, service := t.Context(), newService(t)
	var enrolments []domain.Enrolment
	active := map[domain.Workspace]domain.Playbook{}
	for range 2 {
		for _, w := range []domain.Workspace{workspace, stranger} {
			playbook, err := service.CreatePlaybook(ctx, w, domain.Draft{Name: string(w), Steps: []domain.Step{{Kind: domain.StepCall, Title: "t"}}})
			if err != nil {
				t.Fatal(err)
			}
			if active[w], err = service.ActivatePlaybook(ctx, w, playbook.ID, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, contact := range []string{"a", "b"} {
		enrolment, err := service.EnrolContact(ctx, workspace, active[workspace].ID, contact)
		if err != nil {
			t.Fatal(err)
		}
		enrolments = append(enrolments, enrolment)
	}
	playbooks, err := service.ListPlaybooks(ctx, workspace, 1, "")
	if err != nil || playbooks.NextToken == "" {
		t.Fatalf("ListPlaybooks: %+v, %v", playbooks, err)
	}
	whole := usecase.EnrolmentFilter{PlaybookID: active[workspace].ID}
	page, err := service.ListEnrolments(ctx, workspace, whole, 1, "")
	if err != nil || page.NextToken == "" {
		t.Fatalf("ListEnrolments: %+v, %v", page, err)
	}
	second := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"playbooks of another workspace":  second(service.ListPlaybooks(ctx, stranger, 1, playbooks.NextToken)),
		"enrolments for playbooks":        second(service.ListPlaybooks(ctx, workspace, 1, page.NextToken)),
		"playbooks for enrolments":        second(service.ListEnrolments(ctx, workspace, whole, 1, playbooks.NextToken)),
		"enrolments of another workspace": second(service.ListEnrolments(ctx, stranger, whole, 1, page.NextToken)),
		"another state": second(service.ListEnrolments(ctx, workspace,
			usecase.EnrolmentFilter{PlaybookID: whole.PlaybookID, State: domain.EnrolmentActive}, 1, page.NextToken)),
		"another contact": second(service.ListEnrolments(ctx, workspace,
			usecase.EnrolmentFilter{PlaybookID: whole.PlaybookID, Contact: "a"}, 1, page.NextToken)),
	} {
		var typed *domain.Error
		if !errors.As(err, &typed) || typed.Kind != domain.Invalid || typed.Violations[0].Field != "page_token" {
			t.Errorf("a token of %s: got %v, want a mistake in page_token", name, err)
		}
	}
	// A place between the two workspaces' playbooks, forged by a stranger who knows
	// everything but has been let into one workspace.
	last := active[workspace]
	forged := forge(last.CreatedAt, last.ID, "playbooks", string(stranger))
	got, err := service.ListPlaybooks(ctx, stranger, 10, forged)
	if err != nil {
		t.Fatal(err)
	}
	for _, playbook := range got.Playbooks {
		if playbook.Name != string(stranger) {
			t.Errorf("a forged token shows %+v", playbook)
		}
	}
	if len(got.Playbooks) != 1 {
		t.Errorf("the forged token shows %d playbooks, want the stranger's first", len(got.Playbooks))
	}
	next, err := service.ListEnrolments(ctx, workspace, whole, 1, page.NextToken)
	if err != nil || len(next.Enrolments) != 1 || next.NextToken != "" || next.Enrolments[0].ID != enrolments[0].ID {
		t.Errorf("the next page is %+v, %v; want the first enrolment", next, err)
	}
}

// Filters have their bounds, and a playbook that is not there has no list.
func TestListEnrolmentsRefuses(t *testing.T) {
	service := newService(t)
	playbook := create(t, service)
	for _, test := range []struct {
		name   string
		filter usecase.EnrolmentFilter
		size   int
		want   domain.Kind
	}{
		{"a playbook without any", usecase.EnrolmentFilter{PlaybookID: playbook.ID}, 0, 0},
		{"a bad ID", usecase.EnrolmentFilter{PlaybookID: "x"}, 0, domain.Invalid},
		{"a bad state", usecase.EnrolmentFilter{PlaybookID: playbook.ID, State: "GONE"}, 0, domain.Invalid},
		{"a bad contact", usecase.EnrolmentFilter{PlaybookID: playbook.ID, Contact: " "}, 0, domain.Invalid},
		{"a bad size", usecase.EnrolmentFilter{PlaybookID: playbook.ID}, -1, domain.Invalid},
		{"a missing playbook", usecase.EnrolmentFilter{PlaybookID: id(99)}, 0, domain.NotFound},
	} {
		if _, err := service.ListEnrolments(t.Context(), workspace, test.filter, test.size, ""); domain.KindOf(err) != test.want {
			t.Errorf("%s: got kind %v (%v), want %v", test.name, domain.KindOf(err), err, test.want)
		}
	}
}

// Each of many contacts has its own result, over the bounds of transactions too.
func TestEnrolContacts(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	playbook := create(t, service, domain.Step{Kind: domain.StepCall, Title: "t"})
	if _, err := service.EnrolContacts(ctx, workspace, playbook.ID, []string{"a"}); domain.KindOf(err) != domain.FailedPrecondition {
		t.Errorf("enrolling in a draft: %v", err)
	}
	if _, err := service.ActivatePlaybook(ctx, workspace, playbook.ID, 0); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		playbook string
		contacts []string
		want     domain.Kind
	}{
		{"a bad ID", "x", []string{"a"}, domain.Invalid},
		{"a missing playbook", id(99), []string{"a"}, domain.NotFound},
		{"nobody", playbook.ID, nil, domain.Invalid},
		{"too many", playbook.ID, make([]string, usecase.MaxContacts+1), domain.Invalid},
	} {
		if _, err := service.EnrolContacts(ctx, workspace, test.playbook, test.contacts); domain.KindOf(err) != test.want {
			t.Errorf("%s: got kind %v (%v), want %v", test.name, domain.KindOf(err), err, test.want)
		}
	}
	contacts := make([]string, 1200)
	want := make([]domain.Kind, len(contacts))
	for i := range contacts {
		switch contacts[i] = fmt.Sprintf("contact %d", i); i {
		case 7, 600:
			contacts[i], want[i] = "", domain.Invalid
		case 8, 1100:
			contacts[i], want[i] = "contact 0", domain.AlreadyExists
		}
	}
	results, err := service.EnrolContacts(ctx, workspace, playbook.ID, contacts)
	if err != nil {
		t.Fatal(err)
	}
	for i, result := range results {
		if result.Contact != contacts[i] || domain.KindOf(result.Err) != want[i] || (result.Err == nil) != (want[i] == 0) {
			t.Errorf("contact %d, %q: got %+v, want %v", i, contacts[i], result, want[i])
		}
		if result.Err != nil {
			continue
		}
		got, err := service.GetEnrolment(ctx, workspace, result.Enrolment.ID)
		if err != nil || got != result.Enrolment || got.Contact != contacts[i] {
			t.Errorf("the enrolment of %q is %+v, %v; want %+v", contacts[i], got, err, result.Enrolment)
		}
	}
	if len(results) != len(contacts) {
		t.Errorf("there are %d results, want %d", len(results), len(contacts))
	}
}

// stopping is a store that stores one chunk and then fails.
type stopping struct {
	usecase.Store
	chunks int
}

func (s *stopping) Playbook(context.Context, domain.Workspace, string) (domain.Playbook, error) {
	if s.chunks++; s.chunks > 1 {
		return domain.Playbook{}, domain.Errorf(domain.Unavailable, "away")
	}
	return domain.Playbook{ID: id(1), State: domain.PlaybookActive, Steps: []domain.Step{{Kind: domain.StepCall, Title: "t"}}}, nil
}

func (s *stopping) CreateEnrolments(_ context.Context, _ domain.Workspace, enrolments []domain.Enrolment, _ []domain.Task) ([]bool, error) {
	return slices.Repeat([]bool{true}, len(enrolments)), nil
}

// What was stored before something went wrong is told, and so is what was not.
func TestEnrolContactsHalfway(t *testing.T) {
	service := usecase.New(&stopping{}, func() time.Time { return epoch }, func() string { return id(2) })
	contacts := slices.Repeat([]string{"c"}, 700)
	results, err := service.EnrolContacts(t.Context(), workspace, id(1), contacts)
	if err != nil || len(results) != len(contacts) {
		t.Fatalf("got %d results, %v", len(results), err)
	}
	stored := 0
	for _, result := range results {
		if result.Err == nil {
			stored++
		} else if domain.KindOf(result.Err) != domain.Unavailable {
			t.Errorf("got %v, want that the store is away", result.Err)
		}
	}
	if stored != 500 {
		t.Errorf("%d are stored, want the 500 of the first transaction", stored)
	}
}

// empty is a store whose lists are empty, and remembers where they began.
type empty struct {
	usecase.Store
	after *usecase.Position
}

func (e *empty) Playbooks(_ context.Context, _ domain.Workspace, after *usecase.Position, _ int) ([]domain.Playbook, error) {
	e.after = after
	return nil, nil
}

// Whatever a token is, it is refused on its field, or is the only one for its
// place.
func FuzzPageToken(f *testing.F) {
	f.Add("")
	f.Add("x")
	f.Add(forge(epoch, id(1), "playbooks", string(workspace)))
	f.Add(forge(epoch, id(1), "playbooks", "rival"))
	f.Add(forge(epoch, strings.Repeat("\x00", 36), "playbooks", string(workspace)))
	f.Fuzz(func(t *testing.T, token string) {
		store := &empty{}
		_, err := usecase.New(store, nil, nil).ListPlaybooks(t.Context(), workspace, 1, token)
		var typed *domain.Error
		switch {
		case err == nil && token == "":
		case err == nil:
			if again := forge(store.after.CreatedAt, store.after.ID, "playbooks", string(workspace)); again != token {
				t.Errorf("%q and %q are the same place", token, again)
			}
		case !errors.As(err, &typed) || typed.Kind != domain.Invalid || typed.Violations[0].Field != "page_token":
			t.Errorf("%q: got %v, want a mistake in page_token", token, err)
		}
	})
}
