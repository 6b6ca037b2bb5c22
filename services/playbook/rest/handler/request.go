package handler

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/strictjson"
)

// read reads the body of a request with the function fields. When it returns
// false, the answer has been sent.
func (h *handler) read(w http.ResponseWriter, r *http.Request, fields func(*strictjson.Object)) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		w.Header().Set("Accept-Post", "application/json")
		problem.Status(w, http.StatusUnsupportedMediaType, "the Content-Type must be application/json")
		return false
	}
	var mistakes *strictjson.Error
	switch err := strictjson.Read(r.Body, fields); {
	case err == nil:
		return true
	case errors.As(err, &mistakes):
		details := problem.Details{Status: http.StatusBadRequest, Detail: "the request is not valid"}
		for _, mistake := range mistakes.Mistakes {
			details.Errors = append(details.Errors, problem.FieldError{Field: mistake.Path, Detail: mistake.Detail})
		}
		problem.Write(w, details)
	default:
		bodyFailed(w, err)
	}
	return false
}

// readNothing makes sure that a request whose action takes no input has none:
// what a caller sends must not be ignored.
func (h *handler) readNothing(w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		bodyFailed(w, err)
		return false
	}
	if text := strings.TrimSpace(string(body)); text != "" && text != "{}" {
		problem.Status(w, http.StatusBadRequest, "this action takes no body")
		return false
	}
	return true
}

func bodyFailed(w http.ResponseWriter, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		problem.Status(w, http.StatusRequestEntityTooLarge, "the body must not be larger than "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes")
		return
	}
	problem.Status(w, http.StatusBadRequest, "the body could not be read")
}

func readDraft(draft *domain.Draft) func(*strictjson.Object) {
	return func(o *strictjson.Object) {
		draft.Name = o.String("name")
		draft.Description = o.String("description")
		o.Objects("steps", func(o *strictjson.Object) {
			draft.Steps = append(draft.Steps, domain.Step{
				Kind:  domain.StepKind(o.String("kind")),
				Title: o.String("title"),
				Delay: readDelay(o, "delay"),
			})
		})
	}
}

// readDelay reads whole seconds the way Protobuf's JSON writes them: "3600s".
func readDelay(o *strictjson.Object, name string) time.Duration {
	text := o.String(name)
	if text == "" {
		return 0
	}
	number, hasUnit := strings.CutSuffix(text, "s")
	seconds, err := strconv.ParseInt(number, 10, 64)
	// The upper bound keeps the product within a Duration; what is a sensible
	// delay is for the domain to say.
	const most = int64(1) << 32
	if !hasUnit || err != nil || seconds < -most || seconds > most {
		o.Fail(name, `must be whole seconds such as "3600s"`)
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func readContact(contact *string) func(*strictjson.Object) {
	return func(o *strictjson.Object) { *contact = o.String("contact") }
}
