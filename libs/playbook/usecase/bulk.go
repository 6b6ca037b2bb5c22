package usecase

import (
	"context"
	"fmt"
	"slices"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

const (
	// MaxContacts is how many contacts can be enrolled in one call.
	MaxContacts = 10_000
	// chunkSize is how many of them are stored in one transaction: enough that
	// round trips do not count, few enough that nobody waits long for the playbook.
	chunkSize = 500
)

// EnrolmentResult is what became of a contact that was to be enrolled.
type EnrolmentResult struct {
	Contact string
	// Enrolment is set where Err is nil.
	Enrolment domain.Enrolment
	Err       error
}

// EnrolContacts puts up to MaxContacts contacts at the first step of an active
// playbook and says for each what became of it, in their order: one that is refused
// (Invalid, AlreadyExists) does not keep the others out. Fails with Invalid,
// NotFound, FailedPrecondition and Conflict, and nothing is stored then; what goes
// wrong later is the result of each contact that is left.
func (s *Service) EnrolContacts(ctx context.Context, workspace domain.Workspace, playbookID string, contacts []string) ([]EnrolmentResult, error) {
	if err := domain.CheckID("playbook_id", playbookID); err != nil {
		return nil, err
	}
	if len(contacts) == 0 || len(contacts) > MaxContacts {
		return nil, domain.InvalidField("contacts", fmt.Sprintf("must have 1 to %d items, but has %d", MaxContacts, len(contacts)))
	}
	results := make([]EnrolmentResult, 0, len(contacts))
	for chunk := range slices.Chunk(contacts, chunkSize) {
		stored, err := s.enrolChunk(ctx, workspace, playbookID, chunk)
		if err != nil && len(results) == 0 {
			return nil, err
		}
		if err != nil {
			for _, contact := range contacts[len(results):] {
				results = append(results, EnrolmentResult{Contact: contact, Err: err})
			}
			break
		}
		results = append(results, stored...)
	}
	return results, nil
}

// enrolChunk enrols contacts in one transaction.
func (s *Service) enrolChunk(ctx context.Context, workspace domain.Workspace, playbookID string, contacts []string) ([]EnrolmentResult, error) {
	playbook, err := s.store.Playbook(ctx, workspace, playbookID)
	if err != nil {
		return nil, fmt.Errorf("reading the playbook: %w", err)
	}
	if err := playbook.CheckOpen(); err != nil {
		return nil, err
	}
	results := make([]EnrolmentResult, len(contacts))
	var valid []domain.Enrolment
	var first []domain.Task
	var places []int
	now := s.now()
	for i, contact := range contacts {
		enrolment, err := domain.Enrol(s.newID(), playbook, contact, now)
		results[i] = EnrolmentResult{Contact: contact, Enrolment: enrolment, Err: err}
		if err == nil {
			valid, places = append(valid, enrolment), append(places, i)
			first = append(first, domain.FirstTask(s.newID(), enrolment, playbook.Steps))
		}
	}
	if len(valid) == 0 {
		return results, nil
	}
	stored, err := s.store.CreateEnrolments(ctx, workspace, valid, first)
	if err != nil {
		return nil, fmt.Errorf("storing enrolments: %w", err)
	}
	for i, place := range places {
		if !stored[i] {
			results[place] = EnrolmentResult{Contact: contacts[place], Err: domain.AlreadyEnrolled(contacts[place], playbookID)}
		}
	}
	return results, nil
}
