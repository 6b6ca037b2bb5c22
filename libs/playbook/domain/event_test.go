package domain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// An event is whole, and its time is one that databases keep.
func TestNewEvent(t *testing.T) {
	good := domain.Event{Provider: "mailer", ID: "e", Type: domain.EventReply, Contact: "crm:1", OccurredAt: now}
	got, err := domain.NewEvent(good)
	if err != nil {
		t.Fatal(err)
	}
	if want := now.UTC().Truncate(time.Microsecond); got.OccurredAt != want {
		t.Errorf("the time is %v, want %v", got.OccurredAt, want)
	}
	for _, test := range []struct {
		field  string
		change func(*domain.Event)
	}{
		{"id", func(e *domain.Event) { e.ID = "" }},
		{"id", func(e *domain.Event) { e.ID = strings.Repeat("x", domain.MaxEventIDLength+1) }},
		{"id", func(e *domain.Event) { e.ID = "a\x00b" }},
		{"type", func(e *domain.Event) { e.Type = "" }},
		{"type", func(e *domain.Event) { e.Type = "REPLY" }},
		{"contact", func(e *domain.Event) { e.Contact = "" }},
		{"occurred_at", func(e *domain.Event) { e.OccurredAt = time.Time{} }},
		{"occurred_at", func(e *domain.Event) { e.OccurredAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		event := good
		test.change(&event)
		if _, err := domain.NewEvent(event); domain.KindOf(err) != domain.Invalid || !strings.Contains(err.Error(), test.field) {
			t.Errorf("%v: got %v, want a mistake in %s", event, err, test.field)
		}
	}
}

// Every type of event has its effect.
func TestEffect(t *testing.T) {
	want := map[domain.EventType]domain.EnrolmentState{
		domain.EventReply: domain.EnrolmentCancelled, domain.EventUnsubscribe: domain.EnrolmentCancelled, domain.EventBounce: domain.EnrolmentPaused,
	}
	for _, kind := range domain.EventTypes() {
		if got := (domain.Event{Type: kind}).Effect(); got != want[kind] {
			t.Errorf("%s makes enrolments %s, want %s", kind, got, want[kind])
		}
	}
}
