package domain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// An enrolment starts at the first step, which is due after its delay.
func TestEnrol(t *testing.T) {
	playbook := domain.Playbook{
		ID: id, State: domain.PlaybookActive, Revision: 7,
		Steps: []domain.Step{{Kind: domain.StepCall, Title: "t", Delay: time.Hour}},
	}
	got, err := domain.Enrol(id, playbook, "crm:1", now)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 4, 6, 7, 123456000, time.UTC)
	want := domain.Enrolment{
		ID: id, PlaybookID: id, PlaybookRevision: 7, Contact: "crm:1", State: domain.EnrolmentActive,
		DueAt: at.Add(time.Hour), CreatedAt: at,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Enrol (-want +got):\n%s", diff)
	}
}

// Only active playbooks take contacts, and a contact is a clean reference.
func TestEnrolRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		state   domain.PlaybookState
		contact string
		want    domain.Kind
	}{
		{"a draft", domain.PlaybookDraft, "c", domain.FailedPrecondition},
		{"an archived one", domain.PlaybookArchived, "c", domain.FailedPrecondition},
		{"no contact", domain.PlaybookActive, "", domain.Invalid},
		{"a long contact", domain.PlaybookActive, strings.Repeat("x", 201), domain.Invalid},
		{"a contact with a line break", domain.PlaybookActive, "a\nb", domain.Invalid},
	} {
		_, err := domain.Enrol(id, domain.Playbook{State: test.state, Steps: make([]domain.Step, 1)}, test.contact, now)
		if got := domain.KindOf(err); got != test.want {
			t.Errorf("%s: got kind %v, want %v", test.name, got, test.want)
		}
	}
}

// An active playbook has steps; one that lost them in a store takes nobody.
func TestEnrolWithoutSteps(t *testing.T) {
	_, err := domain.Enrol(id, domain.Playbook{State: domain.PlaybookActive}, "c", now)
	if got := domain.KindOf(err); got != domain.FailedPrecondition {
		t.Errorf("got kind %v, want %v", got, domain.FailedPrecondition)
	}
}

// One entity has one spelling of its ID.
func TestCheckID(t *testing.T) {
	for _, test := range []struct {
		id string
		ok bool
	}{
		{id, true},
		{"00000000-0000-0000-0000-000000000000", true},
		{"", false},
		{strings.ToUpper(id), false},
		{strings.ReplaceAll(id, "-", ""), false},
		{"{" + id + "}", false},
		{id + "0", false},
		{"0190b0a4-7c3e-7b1a-8f1e-2d3c4b5a697g", false},
		{"0190b0a407c3e-7b1a-8f1e-2d3c4b5a6978", false},
	} {
		if err := domain.CheckID("id", test.id); (err == nil) != test.ok {
			t.Errorf("CheckID(%q): got %v, want ok = %v", test.id, err, test.ok)
		}
	}
}
