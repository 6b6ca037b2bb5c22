// Package problem writes RFC 9457 problem details, the one form of every error
// that an HTTP server of ours sends.
package problem

import (
	"encoding/json"
	"net/http"
)

// ContentType is the media type of problem details.
const ContentType = "application/problem+json"

// Details is a problem. The type member is left out, which RFC 9457 reads as
// "about:blank": the status says what kind of problem it is.
type Details struct {
	// Status is the HTTP status.
	Status int `json:"status"`
	// Title is the status in words; Write fills it in.
	Title string `json:"title"`
	// Detail is one line for the caller.
	Detail string `json:"detail,omitempty"`
	// Reason says for programs what the problem is about, in a word of package reason
	// or of the API. RFC 9457 calls it an extension member, as it does the next.
	Reason string `json:"reason"`
	// Metadata is what it is about in particular, such as an ID.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Errors are the single mistakes of an invalid request.
	Errors []FieldError `json:"errors,omitempty"`
}

// FieldError is one mistake in a request.
type FieldError struct {
	// Field is its path, such as "steps[2].title"; empty for the whole body.
	Field string `json:"field"`
	// Detail says what the field takes.
	Detail string `json:"detail"`
}

// Write sends a problem as the answer.
func Write(w http.ResponseWriter, details Details) {
	details.Title = http.StatusText(details.Status)
	// Strings and numbers can always be encoded.
	body, _ := json.Marshal(details)
	header := w.Header()
	header.Set("Content-Type", ContentType)
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(details.Status)
	// A client that went away cannot be told so.
	_, _ = w.Write(append(body, '\n'))
}

// Status sends a problem that has nothing to say beyond its status, its reason and a
// line.
func Status(w http.ResponseWriter, status int, reason, detail string) {
	Write(w, Details{Status: status, Reason: reason, Detail: detail})
}
