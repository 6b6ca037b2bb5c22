package handler

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/jsonrequest"
	"github.com/soketsugo/soketsugo/libs/runtime/strictjson"
)

// task is a task in the API's JSON.
type task struct {
	ID               string    `json:"id"`
	EnrolmentID      string    `json:"enrolment_id"`
	PlaybookID       string    `json:"playbook_id"`
	PlaybookRevision int64     `json:"playbook_revision"`
	Contact          string    `json:"contact"`
	Step             int       `json:"step"`
	Kind             string    `json:"kind"`
	Title            string    `json:"title"`
	DueAt            time.Time `json:"due_at"`
	State            string    `json:"state"`
	ClaimableAt      time.Time `json:"claimable_at"`
	Attempts         int       `json:"attempts"`
	Holder           string    `json:"holder"`
	Outcome          string    `json:"outcome"`
}

type claimedTasks struct {
	Tasks      []task `json:"tasks"`
	LeaseToken string `json:"lease_token,omitempty"`
}

func fromTask(t domain.Task) task {
	return task{
		ID:               t.ID,
		EnrolmentID:      t.EnrolmentID,
		PlaybookID:       t.PlaybookID,
		PlaybookRevision: t.PlaybookRevision,
		Contact:          t.Contact,
		Step:             t.Step,
		Kind:             string(t.Kind),
		Title:            t.Title,
		DueAt:            t.DueAt,
		State:            string(t.State),
		ClaimableAt:      t.ClaimableAt,
		Attempts:         t.Attempts,
		Holder:           t.Holder,
		Outcome:          t.Outcome,
	}
}

// addTasks adds the routes of tasks. An id is a pattern for its part of a path.
func (h *handler) addTasks(routes *mux.Router, id string) {
	routes.HandleFunc("/v1/tasks:claim", h.claimTasks).Methods(http.MethodPost)
	routes.HandleFunc("/v1/tasks/"+id, h.getTask).Methods(http.MethodGet, http.MethodHead)
	routes.HandleFunc("/v1/tasks/"+id+":renew", h.renewTask).Methods(http.MethodPost)
	routes.HandleFunc("/v1/tasks/"+id+":complete", h.endTask(h.service.CompleteTask)).Methods(http.MethodPost)
	routes.HandleFunc("/v1/tasks/"+id+":fail", h.endTask(h.service.FailTask)).Methods(http.MethodPost)
}

func (h *handler) claimTasks(w http.ResponseWriter, r *http.Request) {
	var holder string
	var limit int
	var length time.Duration
	if !jsonrequest.Read(w, r, func(o *strictjson.Object) {
		holder, limit, length = o.String("holder"), o.Int("limit"), readDelay(o, "lease")
	}) {
		return
	}
	claimed, err := h.service.ClaimTasks(r.Context(), workspaceOf(r), holder, limit, length)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	// No tasks are an empty array, not null.
	answer := claimedTasks{Tasks: []task{}}
	for _, t := range claimed {
		answer.Tasks = append(answer.Tasks, fromTask(t))
		answer.LeaseToken = t.LeaseToken
	}
	write(w, http.StatusOK, answer)
}

func (h *handler) getTask(w http.ResponseWriter, r *http.Request) {
	found, err := h.service.GetTask(r.Context(), workspaceOf(r), mux.Vars(r)["id"])
	if err != nil {
		h.fail(w, r, err)
		return
	}
	write(w, http.StatusOK, fromTask(found))
}

func (h *handler) renewTask(w http.ResponseWriter, r *http.Request) {
	lease := usecase.Lease{TaskID: mux.Vars(r)["id"]}
	var length time.Duration
	if !jsonrequest.Read(w, r, func(o *strictjson.Object) {
		lease.Token, length = o.String("lease_token"), readDelay(o, "lease")
	}) {
		return
	}
	renewed, err := h.service.RenewTask(r.Context(), workspaceOf(r), lease, length)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	write(w, http.StatusOK, fromTask(renewed))
}

// endTask answers a request that says what came of a task.
func (h *handler) endTask(end func(ctx context.Context, workspace domain.Workspace, lease usecase.Lease, outcome string) (domain.Task, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		lease := usecase.Lease{TaskID: mux.Vars(r)["id"]}
		var outcome string
		if !jsonrequest.Read(w, r, func(o *strictjson.Object) {
			lease.Token, outcome = o.String("lease_token"), o.String("outcome")
		}) {
			return
		}
		ended, err := end(r.Context(), workspaceOf(r), lease, outcome)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		write(w, http.StatusOK, fromTask(ended))
	}
}
