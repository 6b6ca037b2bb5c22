package domain

import (
	"slices"
	"time"
)

// MaxContactLength is in characters.
const MaxContactLength = 200

// EnrolmentState is where an enrolment is in its life.
type EnrolmentState string

// The states of an enrolment. Active and paused ones are called live.
const (
	EnrolmentActive    EnrolmentState = "ACTIVE"
	EnrolmentPaused    EnrolmentState = "PAUSED"
	EnrolmentCompleted EnrolmentState = "COMPLETED"
	EnrolmentCancelled EnrolmentState = "CANCELLED"
)

// EnrolmentStates returns every state of an enrolment.
func EnrolmentStates() []EnrolmentState {
	return []EnrolmentState{EnrolmentActive, EnrolmentPaused, EnrolmentCompleted, EnrolmentCancelled}
}

// Enrolment is one contact's way through one playbook. Enrol makes one; the
// fields are open for stores to fill and for adapters to read.
type Enrolment struct {
	ID         string
	PlaybookID string
	// PlaybookRevision is the playbook's revision when the contact was
	// enrolled.
	PlaybookRevision int64
	// Contact is the contact as another system knows it.
	Contact string
	State   EnrolmentState
	// CurrentStep is the index of the step to do next, from 0; it is no WAIT. Of an
	// enrolment that is completed it is the last one that was done.
	CurrentStep int
	// DueAt says when that step is due, in UTC with microseconds.
	DueAt time.Time
	// CreatedAt is in UTC with microseconds.
	CreatedAt time.Time
}

// Enrol puts a contact at the first step of a playbook that is not WAIT. It fails
// with Invalid when the contact is not a valid reference and with
// FailedPrecondition when the playbook is not active. That a contact has at most one
// live enrolment in a playbook is for the store to hold, since only it sees them
// all.
func Enrol(id string, playbook Playbook, contact string, now time.Time) (Enrolment, error) {
	if err := CheckContact("contact", contact); err != nil {
		return Enrolment{}, err
	}
	if err := playbook.CheckOpen(); err != nil {
		return Enrolment{}, err
	}
	first, _ := NextWork(playbook.Steps, 0)
	now = instant(now)
	return Enrolment{
		ID:               id,
		PlaybookID:       playbook.ID,
		PlaybookRevision: playbook.Revision,
		Contact:          contact,
		State:            EnrolmentActive,
		CurrentStep:      first.Step,
		DueAt:            now.Add(first.After),
		CreatedAt:        now,
	}, nil
}

// CheckContact returns an Invalid error on field unless contact is a valid
// reference.
func CheckContact(field, contact string) error {
	var found violations
	text{min: 1, max: MaxContactLength}.check(&found, field, contact)
	if err := found.err(); err != nil {
		return err
	}
	return nil
}

// CheckOpen returns nil when contacts can be enrolled in the playbook, and fails
// with FailedPrecondition otherwise.
func (p Playbook) CheckOpen() error {
	if p.State != PlaybookActive || !hasWork(p.Steps) {
		return p.forbids(PlaybookNotActive, "contacts can be enrolled in an active one only")
	}
	return nil
}

// AlreadyEnrolled is the error about a contact that has a live enrolment in a
// playbook.
func AlreadyEnrolled(contact, playbookID string) *Error {
	return Errorf(AlreadyExists, "contact %q has a live enrolment in playbook %s already", contact, playbookID).Because(ContactEnrolled).
		With("playbook_id", playbookID).With("contact", contact)
}

// Pause holds an active enrolment. A paused one is returned as it is. It fails
// with FailedPrecondition when the enrolment has ended.
func (e Enrolment) Pause() (Enrolment, error) { return e.move(EnrolmentPaused, EnrolmentActive) }

// Resume continues a paused enrolment; a step that came due meanwhile is due at
// once. An active one is returned as it is. It fails with FailedPrecondition when
// the enrolment has ended.
func (e Enrolment) Resume() (Enrolment, error) { return e.move(EnrolmentActive, EnrolmentPaused) }

// Cancel ends a live enrolment before its last step. A cancelled one is returned
// as it is. It fails with FailedPrecondition when the enrolment is completed.
func (e Enrolment) Cancel() (Enrolment, error) {
	return e.move(EnrolmentCancelled, EnrolmentActive, EnrolmentPaused)
}

// Moved is the error, a Conflict, for somebody who has seen the enrolment elsewhere.
func (e Enrolment) Moved() *Error {
	return Errorf(Conflict, "enrolment %s was moved meanwhile", e.ID).With("enrolment_id", e.ID)
}

// move changes the state from one of some others.
func (e Enrolment) move(to EnrolmentState, from ...EnrolmentState) (Enrolment, error) {
	if e.State == to {
		return e, nil
	}
	if !slices.Contains(from, e.State) {
		return Enrolment{}, Errorf(FailedPrecondition, "enrolment %s is %s; it cannot become %s", e.ID, e.State, to).Because(EnrolmentEnded).
			With("enrolment_id", e.ID).With("state", string(e.State))
	}
	e.State = to
	return e, nil
}
