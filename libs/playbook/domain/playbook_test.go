package domain_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

const id = "0190b0a4-7c3e-7b1a-8f1e-2d3c4b5a6978"

var now = time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.FixedZone("CET", 3600))

func fields(err error) []string {
	var typed *domain.Error
	if !errors.As(err, &typed) {
		return nil
	}
	var names []string
	for _, violation := range typed.Violations {
		names = append(names, violation.Field)
	}
	return names
}

// A new playbook is a draft at revision 1, with times as both databases keep
// them.
func TestNewPlaybook(t *testing.T) {
	steps := []domain.Step{{Kind: domain.StepCall, Title: "Call", Delay: time.Hour}}
	got, err := domain.NewPlaybook(id, domain.Draft{Name: "n", Description: "a\nb", Steps: steps}, now)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 4, 6, 7, 123456000, time.UTC)
	want := domain.Playbook{
		ID: id, Name: "n", Description: "a\nb", Steps: []domain.Step{{Kind: domain.StepCall, Title: "Call", Delay: time.Hour}},
		State: domain.PlaybookDraft, Revision: 1, CreatedAt: at, UpdatedAt: at,
	}
	steps[0].Title = "changed later" // must not reach the playbook
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("NewPlaybook (-want +got):\n%s", diff)
	}
}

// Every bound is held, and all mistakes are reported at once with the paths of
// their fields.
func TestNewPlaybookRefuses(t *testing.T) {
	step := domain.Step{Kind: domain.StepCall, Title: "t"}
	with := func(change func(*domain.Step)) []domain.Step {
		changed := step
		change(&changed)
		return []domain.Step{step, changed}
	}
	for _, test := range []struct {
		name  string
		draft domain.Draft
		want  []string
	}{
		{"no name", domain.Draft{}, []string{"name"}},
		{"long name", domain.Draft{Name: strings.Repeat("é", 201)}, []string{"name"}},
		{"longest name", domain.Draft{Name: strings.Repeat("é", 200)}, nil},
		{"control character", domain.Draft{Name: "a\x00b"}, []string{"name"}},
		{"line break in a name", domain.Draft{Name: "a\nb"}, []string{"name"}},
		{"white space around", domain.Draft{Name: " a"}, []string{"name"}},
		{"not UTF-8", domain.Draft{Name: "a\xff"}, []string{"name"}},
		{"long description", domain.Draft{Name: "n", Description: strings.Repeat("x", 4001)}, []string{"description"}},
		{"NUL in a description", domain.Draft{Name: "n", Description: "a\x00b"}, []string{"description"}},
		{"too many steps", domain.Draft{Name: "n", Steps: make([]domain.Step, 101)}, []string{"steps"}},
		{"unknown kind", domain.Draft{Name: "n", Steps: with(func(s *domain.Step) { s.Kind = "FAX" })}, []string{"steps[1].kind"}},
		{"no title", domain.Draft{Name: "n", Steps: with(func(s *domain.Step) { s.Title = "" })}, []string{"steps[1].title"}},
		{"negative delay", domain.Draft{Name: "n", Steps: with(func(s *domain.Step) { s.Delay = -time.Second })}, []string{"steps[1].delay"}},
		{"long delay", domain.Draft{Name: "n", Steps: with(func(s *domain.Step) { s.Delay = domain.MaxDelay + time.Second })}, []string{"steps[1].delay"}},
		{"longest delay", domain.Draft{Name: "n", Steps: with(func(s *domain.Step) { s.Delay = domain.MaxDelay })}, nil},
		{"part of a second", domain.Draft{Name: "n", Steps: with(func(s *domain.Step) { s.Delay = time.Millisecond })}, []string{"steps[1].delay"}},
		{"several", domain.Draft{Steps: []domain.Step{{}}}, []string{"name", "steps[0].kind", "steps[0].title"}},
	} {
		_, err := domain.NewPlaybook(id, test.draft, now)
		if diff := cmp.Diff(test.want, fields(err)); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", test.name, diff)
		}
		if (err != nil) != (test.want != nil) {
			t.Errorf("%s: got error %v", test.name, err)
		}
	}
}

// Activating moves a draft with steps and nothing else.
func TestActivate(t *testing.T) {
	steps := []domain.Step{{Kind: domain.StepCall, Title: "t"}}
	for _, test := range []struct {
		name     string
		state    domain.PlaybookState
		steps    []domain.Step
		want     domain.Kind
		revision int64
	}{
		{"a draft", domain.PlaybookDraft, steps, 0, 4},
		{"an active one stays as it is", domain.PlaybookActive, steps, 0, 3},
		{"without steps", domain.PlaybookDraft, nil, domain.FailedPrecondition, 0},
		{"an archived one", domain.PlaybookArchived, steps, domain.FailedPrecondition, 0},
	} {
		before := domain.Playbook{ID: id, State: test.state, Steps: test.steps, Revision: 3}
		got, err := before.Activate(now)
		if domain.KindOf(err) != test.want || got.Revision != test.revision {
			t.Errorf("%s: got revision %d, error %v; want revision %d, kind %v", test.name, got.Revision, err, test.revision, test.want)
		}
		if err == nil && got.State != domain.PlaybookActive {
			t.Errorf("%s: the state is %s, want ACTIVE", test.name, got.State)
		}
	}
}

// A change is never older than the one before it, whatever the clock says.
func TestActivateWithClockBehind(t *testing.T) {
	before := domain.Playbook{State: domain.PlaybookDraft, Steps: make([]domain.Step, 1), UpdatedAt: now}
	got, err := before.Activate(now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if !got.UpdatedAt.Equal(now) {
		t.Errorf("UpdatedAt is %v, want %v", got.UpdatedAt, now)
	}
}

// Every kind has a name, which logs and tests show.
func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range domain.Kinds() {
		name := kind.String()
		if seen[name] || strings.HasPrefix(name, "Kind(") {
			t.Errorf("kind %d has the name %q", int(kind), name)
		}
		seen[name] = true
	}
	if got := domain.Kind(99).String(); got != "Kind(99)" {
		t.Errorf("an unknown kind is called %q", got)
	}
}

// The kind is kept while an error is wrapped, and an error's text holds it all.
func TestError(t *testing.T) {
	cause := errors.New("connection refused")
	err := fmt.Errorf("reading: %w", &domain.Error{
		Kind: domain.Invalid, Message: "not valid", Cause: cause,
		Violations: []domain.FieldViolation{{Field: "a", Description: "is required"}, {Field: "b", Description: "is too long"}},
	})
	if got := domain.KindOf(err); got != domain.Invalid {
		t.Errorf("KindOf is %v, want Invalid", got)
	}
	if want := "reading: not valid: a is required; b is too long: connection refused"; err.Error() != want {
		t.Errorf("the text is %q, want %q", err, want)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if got := domain.KindOf(cause); got != 0 {
		t.Errorf("the kind of an error that has none is %v", got)
	}
}
