// Package webhook takes what providers tell of contacts: that one has replied, has
// unsubscribed, or cannot be reached. A provider has no API key; it signs what it
// sends.
package webhook

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/jsonrequest"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/strictjson"
)

// maxBodySize bounds what a provider sends, in bytes: an event is small.
const maxBodySize = 16 << 10

// New returns the handler of POST /v1/webhooks/{provider}. Errors of the use case
// are answered by fail.
func New(service *usecase.Service, providers Providers, fail func(http.ResponseWriter, *http.Request, error), log *slog.Logger) http.Handler {
	return &handler{service: service, providers: providers, fail: fail, log: log}
}

type handler struct {
	service   *usecase.Service
	providers Providers
	fail      func(http.ResponseWriter, *http.Request, error)
	log       *slog.Logger
}

// ServeHTTP applies an event before it answers: what was accepted is not lost.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	_, err := io.Copy(&body, http.MaxBytesReader(w, r.Body, maxBodySize))
	if err != nil {
		jsonrequest.Failed(w, err)
		return
	}
	name := mux.Vars(r)["provider"]
	// A provider that is not known has secrets that nobody knows.
	provider, known := h.providers[name]
	signature, readable := parseSignature(r.Header)
	signed := provider.verify(signature, body.Bytes())
	if !known || !readable || !signed || !signature.fresh(h.service.Now()) {
		w.Header().Set("WWW-Authenticate", `HMAC-SHA256`)
		problem.Status(w, http.StatusUnauthorized, string(domain.NotAuthenticated), "the provider is not known, or the signature is not valid or too old")
		return
	}
	event := domain.Event{Provider: name}
	r.Body = io.NopCloser(&body)
	if !jsonrequest.Read(w, r, readEvent(&event)) {
		return
	}
	moved, err := h.service.ApplyEvent(r.Context(), provider.workspace, event)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.log.InfoContext(r.Context(), "webhook taken", "provider", name, "type", string(event.Type), "enrolments", moved)
	w.WriteHeader(http.StatusAccepted)
}

func readEvent(event *domain.Event) func(*strictjson.Object) {
	return func(o *strictjson.Object) {
		event.ID = o.String("id")
		event.Type = domain.EventType(o.String("type"))
		event.Contact = o.String("contact")
		at, err := time.Parse(time.RFC3339, o.String("occurred_at"))
		if err != nil {
			o.Fail("occurred_at", `must be a time such as "2026-01-02T03:04:05Z"`)
		}
		event.OccurredAt = at
	}
}
