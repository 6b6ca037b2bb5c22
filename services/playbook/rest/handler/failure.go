package handler

import (
	"context"
	"errors"
	"net/http"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
)

// internalError tells the caller nothing; the log has the cause.
const internalError = "internal error"

// Status returns the HTTP status for a kind of error. A kind that it does not
// know is 500; a test holds it complete.
func Status(kind domain.Kind) int {
	switch kind {
	case domain.Invalid:
		return http.StatusBadRequest
	case domain.Unauthenticated:
		return http.StatusUnauthorized
	case domain.Forbidden:
		return http.StatusForbidden
	case domain.NotFound:
		return http.StatusNotFound
	case domain.AlreadyExists, domain.Conflict:
		return http.StatusConflict
	case domain.FailedPrecondition:
		// 412 is about conditional headers; 422 is "understood, but cannot be
		// done".
		return http.StatusUnprocessableEntity
	case domain.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// fail sends the answer for an error of a use case. Causes go to the log and
// never to the caller.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	var typed *domain.Error
	if !errors.As(err, &typed) {
		if errors.Is(r.Context().Err(), context.Canceled) {
			// The client went away: nobody reads the answer, and nothing is wrong
			// here. 499 is what proxies call it.
			const clientClosedRequest = 499
			w.WriteHeader(clientClosedRequest)
			return
		}
		h.report(r, err)
		problem.Write(w, problem.Details{Status: http.StatusInternalServerError, Detail: internalError, Reason: string(domain.Internal)})
		return
	}
	h.report(r, err)
	if typed.Kind == domain.Unavailable {
		w.Header().Set("Retry-After", "1")
	}
	details := problem.Details{Status: Status(typed.Kind), Detail: typed.Message, Reason: string(typed.Reason())}
	if typed.Kind == domain.Conflict && r.Header.Get("If-Match") != "" {
		// The condition that the caller has set does not hold.
		details.Status = http.StatusPreconditionFailed
	}
	for _, violation := range typed.Violations {
		details.Errors = append(details.Errors, problem.FieldError{Field: violation.Field, Detail: violation.Description})
	}
	problem.Write(w, details)
}

// report logs an error that is not the caller's; nil is none.
func (h *handler) report(r *http.Request, err error) {
	switch domain.KindOf(err) {
	case domain.Unavailable:
		h.log.WarnContext(r.Context(), "request failed", "error", err.Error())
	case 0:
		if err != nil {
			h.log.ErrorContext(r.Context(), "request failed", "error", err.Error())
		}
	}
}
