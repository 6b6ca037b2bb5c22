package usecase

import (
	"context"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// Sizes of a page of playbooks.
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
func (s *Service) ListPlaybooks(ctx context.Context, pageSize int, token string) (Page, error) {
	switch {
	case pageSize < 0:
		return Page{}, domain.InvalidField("page_size", "must not be negative")
	case pageSize == 0:
		pageSize = DefaultPageSize
	case pageSize > MaxPageSize:
		pageSize = MaxPageSize
	}
	var after *Position
	if token != "" {
		position, err := decodeToken(token)
		if err != nil {
			return Page{}, err
		}
		after = &position
	}
	// One more than asked for tells whether there is another page.
	playbooks, err := s.store.Playbooks(ctx, after, pageSize+1)
	if err != nil {
		return Page{}, fmt.Errorf("reading playbooks: %w", err)
	}
	size := min(pageSize, fitting(playbooks))
	if len(playbooks) <= size {
		return Page{Playbooks: playbooks}, nil
	}
	playbooks = playbooks[:size]
	last := playbooks[size-1]
	return Page{Playbooks: playbooks, NextToken: encodeToken(Position{CreatedAt: last.CreatedAt, ID: last.ID})}, nil
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
