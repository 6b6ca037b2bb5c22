package handler

import (
	"strconv"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// The types below are the API's JSON. Names follow the .proto files.

type step struct {
	Kind  string `json:"kind"`
	Title string `json:"title"`
	Delay string `json:"delay"`
}

type playbook struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Steps       []step    `json:"steps"`
	State       string    `json:"state"`
	Revision    int64     `json:"revision"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

type playbookList struct {
	Playbooks     []playbook `json:"playbooks"`
	NextPageToken string     `json:"next_page_token,omitempty"`
}

type enrolment struct {
	ID               string    `json:"id"`
	PlaybookID       string    `json:"playbook_id"`
	PlaybookRevision int64     `json:"playbook_revision"`
	Contact          string    `json:"contact"`
	State            string    `json:"state"`
	CurrentStep      int       `json:"current_step"`
	DueAt            time.Time `json:"due_at"`
	CreatedAt        time.Time `json:"created_at"`
}

func fromPlaybook(p domain.Playbook) playbook {
	// No steps are an empty array, not null.
	steps := make([]step, len(p.Steps))
	for i, s := range p.Steps {
		steps[i] = step{
			Kind:  string(s.Kind),
			Title: s.Title,
			Delay: strconv.FormatInt(int64(s.Delay/time.Second), 10) + "s",
		}
	}
	return playbook{
		ID:          p.ID,
		Name:        p.Name,
		Description: p.Description,
		Steps:       steps,
		State:       string(p.State),
		Revision:    p.Revision,
		CreatedAt:   p.CreatedAt,
		UpdatedAt:   p.UpdatedAt,
	}
}

func fromEnrolment(e domain.Enrolment) enrolment {
	return enrolment{
		ID:               e.ID,
		PlaybookID:       e.PlaybookID,
		PlaybookRevision: e.PlaybookRevision,
		Contact:          e.Contact,
		State:            string(e.State),
		CurrentStep:      e.CurrentStep,
		DueAt:            e.DueAt,
		CreatedAt:        e.CreatedAt,
	}
}
