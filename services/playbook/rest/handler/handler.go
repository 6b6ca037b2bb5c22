// Package handler puts the playbook service's use cases behind its JSON API.
package handler

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/jsonrequest"
	"github.com/soketsugo/soketsugo/libs/runtime/router"
	"github.com/soketsugo/soketsugo/services/playbook/rest/access"
	"github.com/soketsugo/soketsugo/services/playbook/rest/idempotency"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi"
	"github.com/soketsugo/soketsugo/services/playbook/rest/webhook"
)

// New returns the handler of the API under /v1, and of its description. The
// providers sign what they tell; everybody else who calls the API needs a key.
func New(service *usecase.Service, providers webhook.Providers, log *slog.Logger) http.Handler {
	h := &handler{service: service, log: log}
	all := router.New()
	openapi.Add(all)
	all.Handle("/v1/webhooks/{provider}", webhook.New(service, providers, h.fail, log)).Methods(http.MethodPost)
	routes := all.NewRoute().Subrouter()
	routes.Use(access.Require(service, h.fail), idempotency.Remember(service, h.fail, log))
	// An id has no colon, since a colon begins the name of an action.
	const id = "{id:[^/:]+}"
	routes.HandleFunc("/v1/playbooks", h.createPlaybook).Methods(http.MethodPost)
	routes.HandleFunc("/v1/playbooks", h.listPlaybooks).Methods(http.MethodGet, http.MethodHead)
	routes.HandleFunc("/v1/playbooks/"+id, h.getPlaybook).Methods(http.MethodGet, http.MethodHead)
	routes.HandleFunc("/v1/playbooks/"+id, h.updatePlaybook).Methods(http.MethodPatch)
	routes.HandleFunc("/v1/playbooks/"+id+":activate", h.movePlaybook(service.ActivatePlaybook)).Methods(http.MethodPost)
	routes.HandleFunc("/v1/playbooks/"+id+":archive", h.movePlaybook(service.ArchivePlaybook)).Methods(http.MethodPost)
	routes.HandleFunc("/v1/playbooks/"+id+"/enrolments", h.enrolContact).Methods(http.MethodPost)
	routes.HandleFunc("/v1/playbooks/"+id+"/enrolments", h.listEnrolments).Methods(http.MethodGet, http.MethodHead)
	routes.HandleFunc("/v1/playbooks/"+id+"/enrolments:batch", h.enrolContacts).Methods(http.MethodPost)
	routes.HandleFunc("/v1/enrolments/"+id, h.getEnrolment).Methods(http.MethodGet, http.MethodHead)
	routes.HandleFunc("/v1/enrolments/"+id+":pause", h.moveEnrolment(service.PauseEnrolment)).Methods(http.MethodPost)
	routes.HandleFunc("/v1/enrolments/"+id+":resume", h.moveEnrolment(service.ResumeEnrolment)).Methods(http.MethodPost)
	routes.HandleFunc("/v1/enrolments/"+id+":cancel", h.moveEnrolment(service.CancelEnrolment)).Methods(http.MethodPost)
	h.addTasks(routes, id)
	return all
}

type handler struct {
	service *usecase.Service
	log     *slog.Logger
}

// workspaceOf returns the workspace that a request is about: that of its API key.
func workspaceOf(r *http.Request) domain.Workspace { return access.Caller(r.Context()).Workspace }

func (h *handler) createPlaybook(w http.ResponseWriter, r *http.Request) {
	var draft domain.Draft
	if !jsonrequest.Read(w, r, readDraft(&draft)) {
		return
	}
	playbook, err := h.service.CreatePlaybook(r.Context(), workspaceOf(r), draft)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/v1/playbooks/"+playbook.ID)
	writePlaybook(w, http.StatusCreated, playbook)
}

func (h *handler) listPlaybooks(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	size, err := pageSize(query)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	page, err := h.service.ListPlaybooks(r.Context(), workspaceOf(r), size, query.Get("page_token"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	// An empty page is an empty array, not null.
	list := playbookList{Playbooks: []playbook{}, NextPageToken: page.NextToken}
	for _, p := range page.Playbooks {
		list.Playbooks = append(list.Playbooks, fromPlaybook(p))
	}
	write(w, http.StatusOK, list)
}

func (h *handler) getPlaybook(w http.ResponseWriter, r *http.Request) {
	playbook, err := h.service.GetPlaybook(r.Context(), workspaceOf(r), mux.Vars(r)["id"])
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if hasSeen(r, playbook.Revision) {
		w.Header().Set("ETag", entityTag(playbook.Revision))
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writePlaybook(w, http.StatusOK, playbook)
}

func (h *handler) updatePlaybook(w http.ResponseWriter, r *http.Request) {
	revision, err := expectedRevision(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	var change domain.Change
	if !jsonrequest.Read(w, r, readChange(&change)) {
		return
	}
	playbook, err := h.service.UpdatePlaybook(r.Context(), workspaceOf(r), mux.Vars(r)["id"], revision, change)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	writePlaybook(w, http.StatusOK, playbook)
}

// movePlaybook answers a request that changes a playbook's state.
func (h *handler) movePlaybook(move func(ctx context.Context, workspace domain.Workspace, id string, revision int64) (domain.Playbook, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		revision, err := expectedRevision(r)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		if !jsonrequest.Nothing(w, r) {
			return
		}
		playbook, err := move(r.Context(), workspaceOf(r), mux.Vars(r)["id"], revision)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		writePlaybook(w, http.StatusOK, playbook)
	}
}

// moveEnrolment answers a request that changes an enrolment's state.
func (h *handler) moveEnrolment(move func(ctx context.Context, workspace domain.Workspace, id string) (domain.Enrolment, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !jsonrequest.Nothing(w, r) {
			return
		}
		enrolment, err := move(r.Context(), workspaceOf(r), mux.Vars(r)["id"])
		if err != nil {
			h.fail(w, r, err)
			return
		}
		write(w, http.StatusOK, fromEnrolment(enrolment))
	}
}

func (h *handler) enrolContact(w http.ResponseWriter, r *http.Request) {
	var contact string
	if !jsonrequest.Read(w, r, readContact(&contact)) {
		return
	}
	enrolment, err := h.service.EnrolContact(r.Context(), workspaceOf(r), mux.Vars(r)["id"], contact)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/v1/enrolments/"+enrolment.ID)
	write(w, http.StatusCreated, fromEnrolment(enrolment))
}

func (h *handler) getEnrolment(w http.ResponseWriter, r *http.Request) {
	enrolment, err := h.service.GetEnrolment(r.Context(), workspaceOf(r), mux.Vars(r)["id"])
	if err != nil {
		h.fail(w, r, err)
		return
	}
	write(w, http.StatusOK, fromEnrolment(enrolment))
}

// writePlaybook sends a playbook with its entity tag.
func writePlaybook(w http.ResponseWriter, status int, playbook domain.Playbook) {
	w.Header().Set("ETag", entityTag(playbook.Revision))
	write(w, status, fromPlaybook(playbook))
}

func write(w http.ResponseWriter, status int, body any) {
	// Only the types of this package come here, and all of them can be encoded.
	data, _ := json.Marshal(body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that went away cannot be told so.
	_, _ = w.Write(append(data, '\n'))
}
