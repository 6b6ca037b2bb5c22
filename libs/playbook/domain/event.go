package domain

import (
	"slices"
	"time"
)

// MaxEventIDLength is in characters.
const MaxEventIDLength = 200

// EventType says what happened.
type EventType string

// The types of event. APIs and stores spell them the same way.
const (
	EventReply       EventType = "reply"
	EventUnsubscribe EventType = "unsubscribe"
	EventBounce      EventType = "bounce"
)

// EventTypes returns every type of event.
func EventTypes() []EventType { return []EventType{EventReply, EventUnsubscribe, EventBounce} }

// Event is something that happened to a contact outside, as a provider tells it.
type Event struct {
	// Provider is who tells it, and ID is what the provider calls it: together
	// they say which event it is, however often it is told.
	Provider, ID string
	Type         EventType
	// Contact is as in Enrolment.Contact.
	Contact string
	// OccurredAt is in UTC with microseconds.
	OccurredAt time.Time
}

// NewEvent returns an event with nothing but what both databases keep. It fails
// with Invalid and every mistake that it finds.
func NewEvent(event Event) (Event, error) {
	var found violations
	text{min: 1, max: MaxEventIDLength}.check(&found, "id", event.ID)
	if !slices.Contains(EventTypes(), event.Type) {
		found.add("type", "must be one of reply, unsubscribe, bounce")
	}
	text{min: 1, max: MaxContactLength}.check(&found, "contact", event.Contact)
	// PostgreSQL and SQLite agree on years 1 to 9999 only.
	if year := event.OccurredAt.UTC().Year(); year < 1970 || year > 9999 {
		found.add("occurred_at", "must be a time from 1970 on")
	}
	if err := found.err(); err != nil {
		return Event{}, err
	}
	event.OccurredAt = instant(event.OccurredAt)
	return event, nil
}

// Effect says what becomes of the contact's live enrolments: who has replied or
// unsubscribed is not written to any more; who cannot be reached waits for
// somebody to find out why.
func (e Event) Effect() EnrolmentState {
	if e.Type == EventBounce {
		return EnrolmentPaused
	}
	return EnrolmentCancelled
}
