package handler

import (
	"context"
	"errors"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/jsonrequest"
	"github.com/soketsugo/soketsugo/services/playbook/rest/idempotency"
)

type enrolmentList struct {
	Enrolments    []enrolment `json:"enrolments"`
	NextPageToken string      `json:"next_page_token,omitempty"`
}

// enrolmentResult is what became of one contact of many: the status that a request
// for it alone would have had.
type enrolmentResult struct {
	Contact   string     `json:"contact"`
	Status    int        `json:"status"`
	Reason    string     `json:"reason,omitempty"`
	Detail    string     `json:"detail,omitempty"`
	Enrolment *enrolment `json:"enrolment,omitempty"`
}

type enrolmentResults struct {
	Results []enrolmentResult `json:"results"`
}

func (h *handler) listEnrolments(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	size, err := pageSize(query)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	filter := usecase.EnrolmentFilter{
		PlaybookID: mux.Vars(r)["id"], State: domain.EnrolmentState(query.Get("state")), Contact: query.Get("contact"),
	}
	page, err := h.service.ListEnrolments(r.Context(), workspaceOf(r), filter, size, query.Get("page_token"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	list := enrolmentList{Enrolments: []enrolment{}, NextPageToken: page.NextToken}
	for _, e := range page.Enrolments {
		list.Enrolments = append(list.Enrolments, fromEnrolment(e))
	}
	write(w, http.StatusOK, list)
}

// enrolContacts answers with 200 when there is a result for each contact, whatever
// they are. Where some of them were not come to, it can be asked for again.
func (h *handler) enrolContacts(w http.ResponseWriter, r *http.Request) {
	var contacts []string
	if !jsonrequest.Read(w, r, readContacts(&contacts)) {
		return
	}
	found, err := h.service.EnrolContacts(r.Context(), workspaceOf(r), mux.Vars(r)["id"], contacts)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.report(r, found[len(found)-1].Err)
	answer := enrolmentResults{Results: make([]enrolmentResult, len(found))}
	for i, result := range found {
		answer.Results[i] = fromResult(r.Context(), result)
		if !idempotency.Final(answer.Results[i].Status) {
			idempotency.Unfinished(r.Context())
		}
	}
	write(w, http.StatusOK, answer)
}

func fromResult(ctx context.Context, result usecase.EnrolmentResult) enrolmentResult {
	if result.Err == nil {
		stored := fromEnrolment(result.Enrolment)
		return enrolmentResult{Contact: result.Contact, Status: http.StatusCreated, Enrolment: &stored}
	}
	details := problemOf(ctx, result.Err)
	var typed *domain.Error
	if errors.As(result.Err, &typed) {
		details.Detail = typed.Public() // there is no room for a list of mistakes
	}
	return enrolmentResult{Contact: result.Contact, Status: details.Status, Reason: details.Reason, Detail: details.Detail}
}
