// Package usecase holds what the playbook service does, whatever transport
// asks for it and whatever database keeps it.
package usecase

import (
	"context"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// PlaybookStore keeps playbooks. Errors are of the domain's kinds where a
// method says so; any other error is something the caller cannot help.
type PlaybookStore interface {
	// CreatePlaybook stores a new playbook. Fails with AlreadyExists when its
	// ID is taken.
	CreatePlaybook(ctx context.Context, playbook domain.Playbook) error
	// Playbook returns a playbook by its ID. Fails with NotFound.
	Playbook(ctx context.Context, id string) (domain.Playbook, error)
	// Playbooks returns up to limit playbooks that come after a position in the
	// order of the list (see Position), or from its start when after is nil.
	Playbooks(ctx context.Context, after *Position, limit int) ([]domain.Playbook, error)
	// UpdatePlaybook replaces the playbook that has the same ID and the revision
	// from. Fails with NotFound, and with Conflict when the stored revision is
	// another one.
	UpdatePlaybook(ctx context.Context, playbook domain.Playbook, from int64) error
}

// EnrolmentStore keeps enrolments.
type EnrolmentStore interface {
	// CreateEnrolment stores a new enrolment. Fails with AlreadyExists when the
	// contact has a live enrolment in the playbook or the ID is taken, with
	// NotFound when there is no such playbook, and with Conflict when the
	// playbook is not at the enrolment's PlaybookRevision any more.
	CreateEnrolment(ctx context.Context, enrolment domain.Enrolment) error
	// Enrolment returns an enrolment by its ID. Fails with NotFound.
	Enrolment(ctx context.Context, id string) (domain.Enrolment, error)
	// UpdateEnrolment replaces the enrolment that has the same ID, state from.State
	// and step from.CurrentStep. Fails with NotFound, and with Conflict when the
	// stored one is elsewhere.
	UpdateEnrolment(ctx context.Context, enrolment, from domain.Enrolment) error
}

// Position is a place in the list of playbooks, which is ordered by CreatedAt
// and then ID, both descending.
type Position struct {
	CreatedAt time.Time
	ID        string
}

// Store is everything that the service keeps.
type Store interface {
	PlaybookStore
	EnrolmentStore
}

// Service does what the API offers. It is safe for concurrent use.
type Service struct {
	store Store
	now   func() time.Time
	newID func() string
}

// New returns a service that keeps its data in store, reads the time from now
// and takes identifiers from newID, which must return a different UUID every
// time.
func New(store Store, now func() time.Time, newID func() string) *Service {
	return &Service{store: store, now: now, newID: newID}
}

// CreatePlaybook stores a new draft. Fails with Invalid.
func (s *Service) CreatePlaybook(ctx context.Context, draft domain.Draft) (domain.Playbook, error) {
	playbook, err := domain.NewPlaybook(s.newID(), draft, s.now())
	if err != nil {
		return domain.Playbook{}, err
	}
	if err := s.store.CreatePlaybook(ctx, playbook); err != nil {
		return domain.Playbook{}, fmt.Errorf("storing the playbook: %w", err)
	}
	return playbook, nil
}

// GetPlaybook returns a playbook by its ID. Fails with Invalid and NotFound.
func (s *Service) GetPlaybook(ctx context.Context, id string) (domain.Playbook, error) {
	if err := domain.CheckID("id", id); err != nil {
		return domain.Playbook{}, err
	}
	playbook, err := s.store.Playbook(ctx, id)
	if err != nil {
		return domain.Playbook{}, fmt.Errorf("reading the playbook: %w", err)
	}
	return playbook, nil
}

// UpdatePlaybook changes a playbook and returns it. When revision is not 0, the
// playbook must be at that revision. Fails with Invalid, NotFound,
// FailedPrecondition and Conflict.
func (s *Service) UpdatePlaybook(ctx context.Context, id string, revision int64, change domain.Change) (domain.Playbook, error) {
	return s.changePlaybook(ctx, id, revision, func(p domain.Playbook) (domain.Playbook, error) { return p.Apply(change, s.now()) })
}

// ActivatePlaybook makes a draft usable for enrolments and returns it. It
// changes nothing when the playbook is active already. When revision is not 0,
// the playbook must be at that revision. Fails with Invalid, NotFound,
// FailedPrecondition and Conflict.
func (s *Service) ActivatePlaybook(ctx context.Context, id string, revision int64) (domain.Playbook, error) {
	return s.changePlaybook(ctx, id, revision, func(p domain.Playbook) (domain.Playbook, error) { return p.Activate(s.now()) })
}

// ArchivePlaybook ends enrolments in an active playbook and returns it. It
// changes nothing when the playbook is archived already. When revision is not 0,
// the playbook must be at that revision. Fails with Invalid, NotFound,
// FailedPrecondition and Conflict.
func (s *Service) ArchivePlaybook(ctx context.Context, id string, revision int64) (domain.Playbook, error) {
	return s.changePlaybook(ctx, id, revision, func(p domain.Playbook) (domain.Playbook, error) { return p.Archive(s.now()) })
}

// changePlaybook reads a playbook, changes it, and stores it where nobody else
// has changed it meanwhile.
func (s *Service) changePlaybook(ctx context.Context, id string, revision int64, change func(domain.Playbook) (domain.Playbook, error)) (domain.Playbook, error) {
	current, err := s.GetPlaybook(ctx, id)
	if err != nil {
		return domain.Playbook{}, err
	}
	if revision != 0 && revision != current.Revision {
		return domain.Playbook{}, domain.Errorf(domain.Conflict, "playbook %s is at revision %d, not at %d", id, current.Revision, revision)
	}
	changed, err := change(current)
	if err != nil {
		return domain.Playbook{}, err
	}
	if changed.Revision == current.Revision {
		return current, nil
	}
	if err := s.store.UpdatePlaybook(ctx, changed, current.Revision); err != nil {
		return domain.Playbook{}, fmt.Errorf("storing the playbook: %w", err)
	}
	return changed, nil
}

// EnrolContact puts a contact at the first step of an active playbook. Fails
// with Invalid, NotFound, FailedPrecondition, AlreadyExists and Conflict.
func (s *Service) EnrolContact(ctx context.Context, playbookID, contact string) (domain.Enrolment, error) {
	if err := domain.CheckID("playbook_id", playbookID); err != nil {
		return domain.Enrolment{}, err
	}
	playbook, err := s.store.Playbook(ctx, playbookID)
	if err != nil {
		return domain.Enrolment{}, fmt.Errorf("reading the playbook: %w", err)
	}
	enrolment, err := domain.Enrol(s.newID(), playbook, contact, s.now())
	if err != nil {
		return domain.Enrolment{}, err
	}
	if err := s.store.CreateEnrolment(ctx, enrolment); err != nil {
		return domain.Enrolment{}, fmt.Errorf("storing the enrolment: %w", err)
	}
	return enrolment, nil
}

// GetEnrolment returns an enrolment by its ID. Fails with Invalid and NotFound.
func (s *Service) GetEnrolment(ctx context.Context, id string) (domain.Enrolment, error) {
	if err := domain.CheckID("id", id); err != nil {
		return domain.Enrolment{}, err
	}
	enrolment, err := s.store.Enrolment(ctx, id)
	if err != nil {
		return domain.Enrolment{}, fmt.Errorf("reading the enrolment: %w", err)
	}
	return enrolment, nil
}

// PauseEnrolment holds an enrolment and returns it. Fails with Invalid, NotFound,
// FailedPrecondition and Conflict.
func (s *Service) PauseEnrolment(ctx context.Context, id string) (domain.Enrolment, error) {
	return s.changeEnrolment(ctx, id, domain.Enrolment.Pause)
}

// ResumeEnrolment continues a paused enrolment and returns it. Fails with
// Invalid, NotFound, FailedPrecondition and Conflict.
func (s *Service) ResumeEnrolment(ctx context.Context, id string) (domain.Enrolment, error) {
	return s.changeEnrolment(ctx, id, domain.Enrolment.Resume)
}

// CancelEnrolment ends an enrolment before its last step and returns it. Fails
// with Invalid, NotFound, FailedPrecondition and Conflict.
func (s *Service) CancelEnrolment(ctx context.Context, id string) (domain.Enrolment, error) {
	return s.changeEnrolment(ctx, id, domain.Enrolment.Cancel)
}

// changeEnrolment reads an enrolment, changes it, and stores it where nobody else
// has moved it meanwhile. A change that changes nothing is not stored.
func (s *Service) changeEnrolment(ctx context.Context, id string, change func(domain.Enrolment) (domain.Enrolment, error)) (domain.Enrolment, error) {
	current, err := s.GetEnrolment(ctx, id)
	if err != nil {
		return domain.Enrolment{}, err
	}
	changed, err := change(current)
	if err != nil {
		return domain.Enrolment{}, err
	}
	if changed == current {
		return current, nil
	}
	if err := s.store.UpdateEnrolment(ctx, changed, current); err != nil {
		return domain.Enrolment{}, fmt.Errorf("storing the enrolment: %w", err)
	}
	return changed, nil
}
