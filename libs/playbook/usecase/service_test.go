package usecase_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
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

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func id(n int) string { return fmt.Sprintf("0190b0a4-7c3e-7b1a-8f1e-%012x", n) }

// newService returns a service on an empty database, whose clock stands still
// and whose IDs are counted.
func newService(t *testing.T) *usecase.Service {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	count := 0
	return usecase.New(store, func() time.Time { return epoch }, func() string {
		count++
		return id(count)
	})
}

func create(t *testing.T, service *usecase.Service, steps ...domain.Step) domain.Playbook {
	t.Helper()
	playbook, err := service.CreatePlaybook(t.Context(), domain.Draft{Name: "n", Steps: steps})
	if err != nil {
		t.Fatal(err)
	}
	return playbook
}

// A playbook is created, read, activated twice and enrolled in once.
func TestLifeOfAPlaybook(t *testing.T) {
	ctx, service := t.Context(), newService(t)
	playbook := create(t, service, domain.Step{Kind: domain.StepCall, Title: "t"})
	if _, err := service.EnrolContact(ctx, playbook.ID, "c"); domain.KindOf(err) != domain.FailedPrecondition {
		t.Errorf("enrolling in a draft: %v", err)
	}
	for range 2 {
		active, err := service.ActivatePlaybook(ctx, playbook.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if active.State != domain.PlaybookActive || active.Revision != 2 {
			t.Errorf("the playbook is %s at revision %d, want ACTIVE at 2", active.State, active.Revision)
		}
	}
	enrolment, err := service.EnrolContact(ctx, playbook.ID, "c")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.EnrolContact(ctx, playbook.ID, "c"); domain.KindOf(err) != domain.AlreadyExists {
		t.Errorf("enrolling twice: %v", err)
	}
	got, err := service.GetEnrolment(ctx, enrolment.ID)
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
		{"create without a name", second(service.CreatePlaybook(ctx, domain.Draft{})), domain.Invalid},
		{"get a bad ID", second(service.GetPlaybook(ctx, "x")), domain.Invalid},
		{"get a missing one", second(service.GetPlaybook(ctx, id(99))), domain.NotFound},
		{"activate a bad ID", second(service.ActivatePlaybook(ctx, "x", 0)), domain.Invalid},
		{"activate a missing one", second(service.ActivatePlaybook(ctx, id(99), 0)), domain.NotFound},
		{"activate without steps", second(service.ActivatePlaybook(ctx, empty.ID, 0)), domain.FailedPrecondition},
		{"enrol with a bad ID", second(service.EnrolContact(ctx, "x", "c")), domain.Invalid},
		{"enrol in a missing one", second(service.EnrolContact(ctx, id(99), "c")), domain.NotFound},
		{"get an enrolment with a bad ID", second(service.GetEnrolment(ctx, "x")), domain.Invalid},
		{"get a missing enrolment", second(service.GetEnrolment(ctx, id(99))), domain.NotFound},
		{"a negative page size", second(service.ListPlaybooks(ctx, -1, "")), domain.Invalid},
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
		page, err := service.ListPlaybooks(ctx, 2, token)
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
		page, err := service.ListPlaybooks(ctx, test.size, "")
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
	page, err := service.ListPlaybooks(t.Context(), 2, "")
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
		page, err := service.ListPlaybooks(t.Context(), count, token)
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

// A forged token with a time that databases disagree about is refused.
func TestTokenYears(t *testing.T) {
	service := newService(t)
	for _, test := range []struct {
		year int
		ok   bool
	}{{0, false}, {1, true}, {9999, true}, {10000, false}} {
		raw := []byte{1}
		raw = binary.BigEndian.AppendUint64(raw, uint64(time.Date(test.year, 6, 1, 0, 0, 0, 0, time.UTC).UnixMicro()))
		raw = append(raw, id(1)...)
		raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
		_, err := service.ListPlaybooks(t.Context(), 1, base64.RawURLEncoding.EncodeToString(raw))
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
	page, err := service.ListPlaybooks(ctx, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	good := page.NextToken
	if _, err := service.ListPlaybooks(ctx, 1, good); err != nil {
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
		_, err := service.ListPlaybooks(ctx, 1, token)
		var typed *domain.Error
		if !errors.As(err, &typed) || typed.Kind != domain.Invalid || typed.Violations[0].Field != "page_token" {
			t.Errorf("token %q: got %v, want a mistake in page_token", token, err)
		}
	}
}
