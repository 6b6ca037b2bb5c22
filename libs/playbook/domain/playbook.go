package domain

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Bounds of a playbook.
const (
	// MaxNameLength is in characters.
	MaxNameLength = 200
	// MaxDescriptionLength is in characters.
	MaxDescriptionLength = 4000
	// MaxTitleLength is in characters.
	MaxTitleLength = 200
	// MaxSteps is how many steps a playbook can have.
	MaxSteps = 100
	// MaxDelay is the longest time between two steps.
	MaxDelay = 365 * 24 * time.Hour
)

// StepKind says what is done in a step.
type StepKind string

// The kinds of step. Stores and APIs spell them the same way.
const (
	StepEmail StepKind = "EMAIL"
	StepCall  StepKind = "CALL"
	StepTask  StepKind = "TASK"
	StepWait  StepKind = "WAIT"
)

// StepKinds returns every kind of step.
func StepKinds() []StepKind { return []StepKind{StepEmail, StepCall, StepTask, StepWait} }

// Step is one thing to do for a contact.
type Step struct {
	Kind StepKind
	// Title is a line for the person who does it.
	Title string
	// Delay is how long after the step before it this one is due, in whole
	// seconds.
	Delay time.Duration
}

// PlaybookState is where a playbook is in its life.
type PlaybookState string

// The states of a playbook: a draft can be activated, an active one archived.
const (
	PlaybookDraft    PlaybookState = "DRAFT"
	PlaybookActive   PlaybookState = "ACTIVE"
	PlaybookArchived PlaybookState = "ARCHIVED"
)

// PlaybookStates returns every state of a playbook.
func PlaybookStates() []PlaybookState {
	return []PlaybookState{PlaybookDraft, PlaybookActive, PlaybookArchived}
}

// Playbook is an ordered list of steps with a name. NewPlaybook makes one and
// its methods change it; the fields are open for stores to fill and for
// adapters to read.
type Playbook struct {
	ID          string
	Name        string
	Description string
	Steps       []Step
	State       PlaybookState
	// Revision starts at 1 and grows by 1 with every change.
	Revision int64
	// CreatedAt and UpdatedAt are in UTC with microseconds, which is what both
	// databases keep.
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Draft is what a caller chooses about a new playbook.
type Draft struct {
	Name        string
	Description string
	Steps       []Step
}

// NewPlaybook returns a draft at revision 1. It fails with Invalid and every
// mistake that it finds.
func NewPlaybook(id string, draft Draft, now time.Time) (Playbook, error) {
	if err := draft.validate(); err != nil {
		return Playbook{}, err
	}
	now = instant(now)
	return Playbook{
		ID:          id,
		Name:        draft.Name,
		Description: draft.Description,
		Steps:       slices.Clone(draft.Steps),
		State:       PlaybookDraft,
		Revision:    1,
		CreatedAt:   now,
		UpdatedAt:   now,
	}, nil
}

func (d Draft) validate() error {
	var found violations
	text{min: 1, max: MaxNameLength}.check(&found, "name", d.Name)
	text{max: MaxDescriptionLength, lines: true}.check(&found, "description", d.Description)
	if len(d.Steps) > MaxSteps {
		// Looking at each of an unbounded list would let one request produce an
		// answer many times its size.
		found.add("steps", "must have at most %d items, but has %d", MaxSteps, len(d.Steps))
		return found.err()
	}
	for i, step := range d.Steps {
		step.validate(&found, fmt.Sprintf("steps[%d].", i))
	}
	if err := found.err(); err != nil {
		return err
	}
	return nil
}

func (s Step) validate(found *violations, prefix string) {
	if !slices.Contains(StepKinds(), s.Kind) {
		found.add(prefix+"kind", "must be one of EMAIL, CALL, TASK, WAIT")
	}
	text{min: 1, max: MaxTitleLength}.check(found, prefix+"title", s.Title)
	if s.Delay < 0 || s.Delay > MaxDelay || s.Delay%time.Second != 0 {
		found.add(prefix+"delay", "must be whole seconds from 0 to %d", int64(MaxDelay/time.Second))
	}
}

// Activate returns the playbook as an active one. An active playbook is
// returned as it is, so that a request can be repeated. It fails with
// FailedPrecondition when the playbook has no step but WAIT or is archived.
func (p Playbook) Activate(now time.Time) (Playbook, error) {
	switch {
	case p.State == PlaybookActive:
		return p, nil
	case p.State != PlaybookDraft:
		return Playbook{}, p.forbids(PlaybookNotDraft, "only a draft can be activated")
	case !hasWork(p.Steps):
		return Playbook{}, p.forbids(PlaybookEmpty, "it needs at least one step that is not WAIT to be activated")
	}
	p.State = PlaybookActive
	return p.changed(now), nil
}

// Archive returns the playbook as an archived one, in which no contact can be
// enrolled any more; those that are go on. An archived playbook is returned as it
// is. It fails with FailedPrecondition when the playbook is a draft.
func (p Playbook) Archive(now time.Time) (Playbook, error) {
	switch p.State {
	case PlaybookArchived:
		return p, nil
	case PlaybookActive:
		p.State = PlaybookArchived
		return p.changed(now), nil
	default:
		return Playbook{}, p.forbids(PlaybookNotActive, "only an active one can be archived")
	}
}

// Change is what a caller changes about a playbook. What is nil stays as it is.
type Change struct {
	Name        *string
	Description *string
	Steps       *[]Step
}

// Apply returns the playbook with a change. A change to what is there already
// changes nothing, so that a request can be repeated. It fails with Invalid and
// every mistake that it finds, and with FailedPrecondition when the playbook is
// archived, or when it is active and would have no step but WAIT any more. Contacts that
// are on their way go on with the steps of the revision that they were enrolled
// in.
func (p Playbook) Apply(change Change, now time.Time) (Playbook, error) {
	draft := Draft{Name: p.Name, Description: p.Description, Steps: p.Steps}
	if change.Name != nil {
		draft.Name = *change.Name
	}
	if change.Description != nil {
		draft.Description = *change.Description
	}
	if change.Steps != nil {
		draft.Steps = *change.Steps
	}
	if err := draft.validate(); err != nil {
		return Playbook{}, err
	}
	switch {
	case draft.Name == p.Name && draft.Description == p.Description && slices.Equal(draft.Steps, p.Steps):
		return p, nil
	case p.State == PlaybookArchived:
		return Playbook{}, p.forbids(PlaybookIsArchived, "it cannot be changed")
	case !hasWork(draft.Steps) && p.State == PlaybookActive:
		return Playbook{}, p.forbids(PlaybookEmpty, "it needs at least one step that is not WAIT")
	}
	p.Name, p.Description, p.Steps = draft.Name, draft.Description, slices.Clone(draft.Steps)
	return p.changed(now), nil
}

// forbids is the error about what cannot be done with the playbook as it is.
func (p Playbook) forbids(because Reason, rule string) *Error {
	return Errorf(FailedPrecondition, "playbook %s is %s; %s", p.ID, p.State, rule).Because(because).
		With("playbook_id", p.ID).With("state", string(p.State))
}

// NotAt is the error, a Conflict, for somebody who has seen the playbook at another
// revision.
func (p Playbook) NotAt(revision int64) *Error {
	return Errorf(Conflict, "playbook %s is at revision %d, not at %d", p.ID, p.Revision, revision).
		With("playbook_id", p.ID).With("revision", strconv.FormatInt(p.Revision, 10))
}

// changed returns the playbook at its next revision.
func (p Playbook) changed(now time.Time) Playbook {
	p.Revision++
	// Clocks of several machines differ; a change is never older than the one
	// before it.
	if now = instant(now); now.After(p.UpdatedAt) {
		p.UpdatedAt = now
	}
	return p
}

// instant cuts a time down to what both databases keep.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
