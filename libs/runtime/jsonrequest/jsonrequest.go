// Package jsonrequest reads the bodies of HTTP requests, and answers with a
// problem document where one cannot be taken.
package jsonrequest

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/reason"
	"github.com/soketsugo/soketsugo/libs/runtime/strictjson"
)

// Read reads the JSON object in the body of a request with the function fields.
// When it returns false, the answer has been sent.
func Read(w http.ResponseWriter, r *http.Request, fields func(*strictjson.Object)) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		w.Header().Set("Accept-Post", "application/json")
		problem.Status(w, http.StatusUnsupportedMediaType, reason.NotJSON, "the Content-Type must be application/json")
		return false
	}
	var mistakes *strictjson.Error
	switch err := strictjson.Read(r.Body, fields); {
	case err == nil:
		return true
	case errors.As(err, &mistakes):
		details := problem.Details{Status: http.StatusBadRequest, Reason: reason.RequestInvalid, Detail: "the request is not valid"}
		for _, mistake := range mistakes.Mistakes {
			details.Errors = append(details.Errors, problem.FieldError{Field: mistake.Path, Detail: mistake.Detail})
		}
		problem.Write(w, details)
	default:
		Failed(w, err)
	}
	return false
}

// Nothing makes sure that a request whose action takes no input has none: what
// a caller sends must not be ignored. When it returns false, the answer has been
// sent.
func Nothing(w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		Failed(w, err)
		return false
	}
	if text := strings.TrimSpace(string(body)); text != "" && text != "{}" {
		problem.Status(w, http.StatusBadRequest, reason.RequestInvalid, "this action takes no body")
		return false
	}
	return true
}

// Failed answers a request whose body could not be read, because it is too large,
// too slow or broken off.
func Failed(w http.ResponseWriter, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		problem.Status(w, http.StatusRequestEntityTooLarge, reason.RequestTooLarge, "the body must not be larger than "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes")
		return
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		problem.Status(w, http.StatusRequestTimeout, reason.RequestTooSlow, "the body did not arrive in time")
		return
	}
	problem.Status(w, http.StatusBadRequest, reason.RequestInvalid, "the body could not be read")
}
