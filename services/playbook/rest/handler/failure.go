package handler

import (
	"context"
	"errors"
	"net/http"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/reason"
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

// statusClientClosedRequest is what proxies call it that nobody reads the answer.
const statusClientClosedRequest = 499

// problemOf returns what the caller of a request learns of an error.
func problemOf(ctx context.Context, err error) problem.Details {
	var typed *domain.Error
	switch {
	case errors.As(err, &typed):
		details := problem.Details{
			Status: Status(typed.Kind), Reason: string(typed.Reason()), Detail: typed.Message, Metadata: typed.Metadata,
		}
		for _, violation := range typed.Violations {
			details.Errors = append(details.Errors, problem.FieldError{Field: violation.Field, Detail: violation.Description})
		}
		return details
	case errors.Is(ctx.Err(), context.Canceled):
		return problem.Details{Status: statusClientClosedRequest, Reason: reason.Cancelled, Detail: "the request was cancelled"}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return problem.Details{Status: http.StatusServiceUnavailable, Reason: reason.DeadlineExceeded, Detail: "there was not enough time for the request"}
	default:
		return problem.Details{Status: http.StatusInternalServerError, Reason: reason.Internal, Detail: internalError}
	}
}

// fail sends the answer for an error of a use case. Causes go to the log and
// never to the caller.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	details := problemOf(r.Context(), err)
	if details.Status == statusClientClosedRequest {
		// The client went away, and nothing is wrong here.
		w.WriteHeader(details.Status)
		return
	}
	h.report(r, err)
	if domain.KindOf(err) == domain.Unavailable {
		w.Header().Set("Retry-After", "1")
	}
	if domain.KindOf(err) == domain.Conflict && r.Header.Get("If-Match") != "" {
		// The condition that the caller has set does not hold.
		details.Status = http.StatusPreconditionFailed
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
