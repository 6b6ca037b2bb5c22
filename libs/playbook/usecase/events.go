package usecase

import (
	"context"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// EventLife is how long an event is remembered. Who tells of it a second time does
// so earlier.
const EventLife = 30 * 24 * time.Hour

// EventStore applies what happened outside.
type EventStore interface {
	// ApplyEvent moves the contact's enrolments as the event's Effect says, and
	// remembers the event, in one transaction. It does nothing when the event is
	// remembered already. It returns how many enrolments it moved.
	ApplyEvent(ctx context.Context, workspace domain.Workspace, event domain.Event, at time.Time) (moved int, err error)
	// PurgeEvents forgets up to limit events that were applied before a time.
	PurgeEvents(ctx context.Context, workspace domain.Workspace, before time.Time, limit int) error
}

// ApplyEvent does once, however often it is called, what an event asks for, and
// returns how many enrolments it moved. Fails with Invalid.
func (s *Service) ApplyEvent(ctx context.Context, workspace domain.Workspace, event domain.Event) (moved int, err error) {
	if event, err = domain.NewEvent(event); err != nil {
		return 0, err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	if moved, err = s.store.ApplyEvent(ctx, workspace, event, now); err != nil {
		return 0, fmt.Errorf("applying the event: %w", err)
	}
	if s.events.Add(1)%purgeEvery == 0 {
		// What it leaves behind is for the next time.
		_ = s.store.PurgeEvents(ctx, workspace, now.Add(-EventLife), purgeMost)
	}
	return moved, nil
}
