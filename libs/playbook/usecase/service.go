// Package usecase holds what the playbook service does, whatever transport
// asks for it and whatever database keeps it.
package usecase

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// PlaybookStore keeps playbooks. Every method is about one workspace, and sees and
// changes nothing of others. Errors are of the domain's kinds where a method says
// so; any other error is something the caller cannot help.
type PlaybookStore interface {
	// CreatePlaybook stores a new playbook. Fails with AlreadyExists when its
	// ID is taken.
	CreatePlaybook(ctx context.Context, workspace domain.Workspace, playbook domain.Playbook) error
	// Playbook returns a playbook by its ID. Fails with NotFound.
	Playbook(ctx context.Context, workspace domain.Workspace, id string) (domain.Playbook, error)
	// Playbooks returns up to limit playbooks that come after a position in the
	// order of the list (see Position), or from its start when after is nil.
	Playbooks(ctx context.Context, workspace domain.Workspace, after *Position, limit int) ([]domain.Playbook, error)
	// UpdatePlaybook replaces the playbook that has the same ID and the revision
	// from. Fails with NotFound, and with Conflict when the stored revision is
	// another one.
	UpdatePlaybook(ctx context.Context, workspace domain.Workspace, playbook domain.Playbook, from int64) error
	// Steps returns the steps that a playbook had at a revision. Fails with
	// NotFound.
	Steps(ctx context.Context, workspace domain.Workspace, playbookID string, revision int64) ([]domain.Step, error)
}

// EnrolmentStore keeps enrolments, as PlaybookStore keeps playbooks.
type EnrolmentStore interface {
	// CreateEnrolment stores a new enrolment with its first task. Fails with AlreadyExists when the
	// contact has a live enrolment in the playbook or the ID is taken, with
	// NotFound when there is no such playbook, and with Conflict when the
	// playbook is not at the enrolment's PlaybookRevision any more.
	CreateEnrolment(ctx context.Context, workspace domain.Workspace, enrolment domain.Enrolment, first domain.Task) error
	// CreateEnrolments stores new enrolments in one playbook at one revision, each with
	// its first task, all in one transaction, and says which of them it has stored: the contacts of the
	// others have a live enrolment in the playbook, maybe one of before in the list.
	// Fails with NotFound and Conflict as CreateEnrolment does, and stores nothing
	// then.
	CreateEnrolments(ctx context.Context, workspace domain.Workspace, enrolments []domain.Enrolment, first []domain.Task) (stored []bool, err error)
	// Enrolments returns up to limit enrolments that come after a position in the
	// order of the list, or from its start when after is nil.
	Enrolments(ctx context.Context, workspace domain.Workspace, filter EnrolmentFilter, after *Position, limit int) ([]domain.Enrolment, error)
	// Enrolment returns an enrolment by its ID. Fails with NotFound.
	Enrolment(ctx context.Context, workspace domain.Workspace, id string) (domain.Enrolment, error)
	// UpdateEnrolment replaces the enrolment that has the same ID, state from.State
	// and step from.CurrentStep. Fails with NotFound, and with Conflict when the
	// stored one is elsewhere.
	UpdateEnrolment(ctx context.Context, workspace domain.Workspace, enrolment, from domain.Enrolment) error
}

// Position is a place in a list, which is ordered by CreatedAt and then ID, both
// descending.
type Position struct {
	CreatedAt time.Time
	ID        string
}

// Store is everything that the service keeps.
type Store interface {
	PlaybookStore
	EnrolmentStore
	TaskStore
	KeyStore
	RequestStore
	EventStore
}

// Service does what the API offers. It is safe for concurrent use.
type Service struct {
	store Store
	now   func() time.Time
	newID func() string
	// claims and events count, so that what is over is removed now and then.
	claims, events atomic.Uint64
}

// New returns a service that keeps its data in store, reads the time from now
// and takes identifiers from newID, which must return a different UUID every
// time.
func New(store Store, now func() time.Time, newID func() string) *Service {
	return &Service{store: store, now: now, newID: newID}
}

// Now is the time that the service goes by.
func (s *Service) Now() time.Time { return s.now() }

// CreatePlaybook stores a new draft. Fails with Invalid.
func (s *Service) CreatePlaybook(ctx context.Context, workspace domain.Workspace, draft domain.Draft) (domain.Playbook, error) {
	playbook, err := domain.NewPlaybook(s.newID(), draft, s.now())
	if err != nil {
		return domain.Playbook{}, err
	}
	if err := s.store.CreatePlaybook(ctx, workspace, playbook); err != nil {
		return domain.Playbook{}, fmt.Errorf("storing the playbook: %w", err)
	}
	return playbook, nil
}

// GetPlaybook returns a playbook by its ID. Fails with Invalid and NotFound.
func (s *Service) GetPlaybook(ctx context.Context, workspace domain.Workspace, id string) (domain.Playbook, error) {
	if err := domain.CheckID("id", id); err != nil {
		return domain.Playbook{}, err
	}
	playbook, err := s.store.Playbook(ctx, workspace, id)
	if err != nil {
		return domain.Playbook{}, fmt.Errorf("reading the playbook: %w", err)
	}
	return playbook, nil
}

// UpdatePlaybook changes a playbook and returns it. When revision is not 0, the
// playbook must be at that revision. Fails with Invalid, NotFound,
// FailedPrecondition and Conflict.
func (s *Service) UpdatePlaybook(ctx context.Context, workspace domain.Workspace, id string, revision int64, change domain.Change) (domain.Playbook, error) {
	return s.changePlaybook(ctx, workspace, id, revision, func(p domain.Playbook) (domain.Playbook, error) { return p.Apply(change, s.now()) })
}

// ActivatePlaybook makes a draft usable for enrolments and returns it. It
// changes nothing when the playbook is active already. When revision is not 0,
// the playbook must be at that revision. Fails with Invalid, NotFound,
// FailedPrecondition and Conflict.
func (s *Service) ActivatePlaybook(ctx context.Context, workspace domain.Workspace, id string, revision int64) (domain.Playbook, error) {
	return s.changePlaybook(ctx, workspace, id, revision, func(p domain.Playbook) (domain.Playbook, error) { return p.Activate(s.now()) })
}

// ArchivePlaybook ends enrolments in an active playbook and returns it. It
// changes nothing when the playbook is archived already. When revision is not 0,
// the playbook must be at that revision. Fails with Invalid, NotFound,
// FailedPrecondition and Conflict.
func (s *Service) ArchivePlaybook(ctx context.Context, workspace domain.Workspace, id string, revision int64) (domain.Playbook, error) {
	return s.changePlaybook(ctx, workspace, id, revision, func(p domain.Playbook) (domain.Playbook, error) { return p.Archive(s.now()) })
}

// changePlaybook reads a playbook, changes it, and stores it where nobody else
// has changed it meanwhile.
func (s *Service) changePlaybook(ctx context.Context, workspace domain.Workspace, id string, revision int64, change func(domain.Playbook) (domain.Playbook, error)) (domain.Playbook, error) {
	current, err := s.GetPlaybook(ctx, workspace, id)
	if err != nil {
		return domain.Playbook{}, err
	}
	if revision != 0 && revision != current.Revision {
		return domain.Playbook{}, current.NotAt(revision)
	}
	changed, err := change(current)
	if err != nil {
		return domain.Playbook{}, err
	}
	if changed.Revision == current.Revision {
		return current, nil
	}
	if err := s.store.UpdatePlaybook(ctx, workspace, changed, current.Revision); err != nil {
		return domain.Playbook{}, fmt.Errorf("storing the playbook: %w", err)
	}
	return changed, nil
}

// EnrolContact puts a contact at the first step of an active playbook. Fails
// with Invalid, NotFound, FailedPrecondition, AlreadyExists and Conflict.
func (s *Service) EnrolContact(ctx context.Context, workspace domain.Workspace, playbookID, contact string) (domain.Enrolment, error) {
	if err := domain.CheckID("playbook_id", playbookID); err != nil {
		return domain.Enrolment{}, err
	}
	playbook, err := s.store.Playbook(ctx, workspace, playbookID)
	if err != nil {
		return domain.Enrolment{}, fmt.Errorf("reading the playbook: %w", err)
	}
	enrolment, err := domain.Enrol(s.newID(), playbook, contact, s.now())
	if err != nil {
		return domain.Enrolment{}, err
	}
	first := domain.FirstTask(s.newID(), enrolment, playbook.Steps)
	if err := s.store.CreateEnrolment(ctx, workspace, enrolment, first); err != nil {
		return domain.Enrolment{}, fmt.Errorf("storing the enrolment: %w", err)
	}
	return enrolment, nil
}

// GetEnrolment returns an enrolment by its ID. Fails with Invalid and NotFound.
func (s *Service) GetEnrolment(ctx context.Context, workspace domain.Workspace, id string) (domain.Enrolment, error) {
	if err := domain.CheckID("id", id); err != nil {
		return domain.Enrolment{}, err
	}
	enrolment, err := s.store.Enrolment(ctx, workspace, id)
	if err != nil {
		return domain.Enrolment{}, fmt.Errorf("reading the enrolment: %w", err)
	}
	return enrolment, nil
}

// PauseEnrolment holds an enrolment and returns it. Fails with Invalid, NotFound,
// FailedPrecondition and Conflict.
func (s *Service) PauseEnrolment(ctx context.Context, workspace domain.Workspace, id string) (domain.Enrolment, error) {
	return s.changeEnrolment(ctx, workspace, id, domain.Enrolment.Pause)
}

// ResumeEnrolment continues a paused enrolment and returns it. Fails with
// Invalid, NotFound, FailedPrecondition and Conflict.
func (s *Service) ResumeEnrolment(ctx context.Context, workspace domain.Workspace, id string) (domain.Enrolment, error) {
	return s.changeEnrolment(ctx, workspace, id, domain.Enrolment.Resume)
}

// CancelEnrolment ends an enrolment before its last step and returns it. Fails
// with Invalid, NotFound, FailedPrecondition and Conflict.
func (s *Service) CancelEnrolment(ctx context.Context, workspace domain.Workspace, id string) (domain.Enrolment, error) {
	return s.changeEnrolment(ctx, workspace, id, domain.Enrolment.Cancel)
}

// changeEnrolment reads an enrolment, changes it, and stores it where nobody else
// has moved it meanwhile. A change that changes nothing is not stored.
func (s *Service) changeEnrolment(ctx context.Context, workspace domain.Workspace, id string, change func(domain.Enrolment) (domain.Enrolment, error)) (domain.Enrolment, error) {
	current, err := s.GetEnrolment(ctx, workspace, id)
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
	if err := s.store.UpdateEnrolment(ctx, workspace, changed, current); err != nil {
		return domain.Enrolment{}, fmt.Errorf("storing the enrolment: %w", err)
	}
	return changed, nil
}
