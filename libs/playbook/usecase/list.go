package usecase

import (
	"context"
	"fmt"
	"slices"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// Sizes of a page.
const (
	// DefaultPageSize is what a page size of 0 means.
	DefaultPageSize = 50
	// MaxPageSize is what a larger page size means.
	MaxPageSize = 200
	// maxPageBytes bounds the text in a page, which ends early where the next
	// playbook would pass it: gRPC clients refuse answers over 4 MiB by default.
	maxPageBytes = 2 << 20
)

// Page is a part of the list of playbooks.
type Page struct {
	// Playbooks are the newest first.
	Playbooks []domain.Playbook
	// NextToken asks for the next page; empty when this is the last one.
	NextToken string
}

// ListPlaybooks returns the page that starts after token, or the first one when
// token is empty. A page may be shorter than asked for: what tells the last one
// is that it has no NextToken. Pages stay in step while playbooks are added: none is
// returned twice, none that was there at the start is left out. Fails with
// Invalid on the fields page_size and page_token.
func (s *Service) ListPlaybooks(ctx context.Context, workspace domain.Workspace, pageSize int, token string) (Page, error) {
	list := listOf("playbooks", string(workspace))
	after, size, err := list.read(pageSize, token)
	if err != nil {
		return Page{}, err
	}
	// One more than asked for tells whether there is another page.
	playbooks, err := s.store.Playbooks(ctx, workspace, after, size+1)
	if err != nil {
		return Page{}, fmt.Errorf("reading playbooks: %w", err)
	}
	size = min(size, fitting(playbooks))
	if len(playbooks) <= size {
		return Page{Playbooks: playbooks}, nil
	}
	last := playbooks[size-1]
	return Page{Playbooks: playbooks[:size], NextToken: list.token(Position{CreatedAt: last.CreatedAt, ID: last.ID})}, nil
}

// EnrolmentFilter says which enrolments are listed.
type EnrolmentFilter struct {
	PlaybookID string
	// State and Contact are empty for any.
	State   domain.EnrolmentState
	Contact string
}

func (f EnrolmentFilter) check() error {
	if err := domain.CheckID("playbook_id", f.PlaybookID); err != nil {
		return err
	}
	if f.State != "" && !slices.Contains(domain.EnrolmentStates(), f.State) {
		return domain.InvalidField("state", "must be one of ACTIVE, PAUSED, COMPLETED, CANCELLED, or be left out")
	}
	if f.Contact != "" {
		return domain.CheckContact("contact", f.Contact)
	}
	return nil
}

// EnrolmentPage is a part of the list of a playbook's enrolments.
type EnrolmentPage struct {
	// Enrolments are the newest first.
	Enrolments []domain.Enrolment
	// NextToken asks for the next page; empty when this is the last one.
	NextToken string
}

// ListEnrolments returns a page of the enrolments in a playbook, as ListPlaybooks
// does. A token is good for the filter that it was made for. Fails with Invalid and
// NotFound.
func (s *Service) ListEnrolments(ctx context.Context, workspace domain.Workspace, filter EnrolmentFilter, pageSize int, token string) (EnrolmentPage, error) {
	if err := filter.check(); err != nil {
		return EnrolmentPage{}, err
	}
	list := listOf("enrolments", string(workspace), filter.PlaybookID, string(filter.State), filter.Contact)
	after, size, err := list.read(pageSize, token)
	if err != nil {
		return EnrolmentPage{}, err
	}
	enrolments, err := s.store.Enrolments(ctx, workspace, filter, after, size+1)
	if err != nil {
		return EnrolmentPage{}, fmt.Errorf("reading enrolments: %w", err)
	}
	if len(enrolments) == 0 {
		// That there are none is not to be said of a playbook that does not exist.
		_, err := s.GetPlaybook(ctx, workspace, filter.PlaybookID)
		return EnrolmentPage{}, err
	}
	if len(enrolments) <= size {
		return EnrolmentPage{Enrolments: enrolments}, nil
	}
	last := enrolments[size-1]
	return EnrolmentPage{Enrolments: enrolments[:size], NextToken: list.token(Position{CreatedAt: last.CreatedAt, ID: last.ID})}, nil
}

// fitting returns how many playbooks fit into a page; one always does.
func fitting(playbooks []domain.Playbook) int {
	total := 0
	for i, playbook := range playbooks {
		total += len(playbook.Name) + len(playbook.Description)
		for _, step := range playbook.Steps {
			total += len(step.Title)
		}
		if total > maxPageBytes {
			return max(i, 1)
		}
	}
	return len(playbooks)
}
