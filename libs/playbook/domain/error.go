package domain

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what a caller can do about an error. Each transport maps every
// kind to a status of its own in one table.
type Kind int

// The kinds of error. The zero Kind is that of an error that is not an Error:
// something the caller cannot help.
const (
	// Invalid: the request itself is wrong; Error.Violations says where.
	Invalid Kind = iota + 1
	// Unauthenticated: the caller has not shown who it is.
	Unauthenticated
	// Forbidden: the caller may not do this, as whoever it has shown to be.
	Forbidden
	// NotFound: what the request names does not exist.
	NotFound
	// AlreadyExists: what the request would create is there already.
	AlreadyExists
	// FailedPrecondition: the request is fine, but not in the present state.
	FailedPrecondition
	// Conflict: somebody else changed the same thing meanwhile; reading it
	// again and retrying may help.
	Conflict
	// Unavailable: something the service needs does not answer; retrying later
	// may help.
	Unavailable
)

// Kinds returns every kind, so that tests can hold tables of them complete.
func Kinds() []Kind {
	return []Kind{Invalid, Unauthenticated, Forbidden, NotFound, AlreadyExists, FailedPrecondition, Conflict, Unavailable}
}

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "Invalid"
	case Unauthenticated:
		return "Unauthenticated"
	case Forbidden:
		return "Forbidden"
	case NotFound:
		return "NotFound"
	case AlreadyExists:
		return "AlreadyExists"
	case FailedPrecondition:
		return "FailedPrecondition"
	case Conflict:
		return "Conflict"
	case Unavailable:
		return "Unavailable"
	default:
		return fmt.Sprintf("Kind(%d)", int(k))
	}
}

// FieldViolation is one mistake in a request.
type FieldViolation struct {
	// Field is the path of the field as the API spells it, such as
	// "steps[2].title".
	Field string
	// Description says what the field takes.
	Description string
}

// Error is an error with a kind. Its text is meant for the caller and holds
// nothing secret.
type Error struct {
	// Kind is never zero.
	Kind Kind
	// Message is one line without a full stop.
	Message string
	// Violations is set for Invalid alone.
	Violations []FieldViolation
	// Cause is for logs, not for callers; it may be nil.
	Cause error
	// Metadata is what it is about in particular, for programs: an ID, a state, a
	// revision; it may be nil. The names are a part of the API, as reasons are.
	Metadata map[string]string
	// reason is empty where the kind says all.
	reason Reason
}

// Error returns what Public does, and the cause.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Public() + ": " + e.Cause.Error()
	}
	return e.Public()
}

// Public returns the message and the violations, as they may be told to callers.
func (e *Error) Public() string {
	var text strings.Builder
	text.WriteString(e.Message)
	for i, violation := range e.Violations {
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		text.WriteString(separator + violation.Field + " " + violation.Description)
	}
	return text.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf returns an Error of a kind.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// With returns the error, whose metadata from now on have a value.
func (e *Error) With(name, value string) *Error {
	if e.Metadata == nil {
		e.Metadata = map[string]string{}
	}
	e.Metadata[name] = value
	return e
}

// Missing is the error, a NotFound, about something that is not there, such as a
// "playbook".
func Missing(what, id string) *Error {
	return Errorf(NotFound, "there is no %s %s", what, id).With(what+"_id", id)
}

// KindOf returns the kind of the first Error in err's chain, or 0 when there
// is none.
func KindOf(err error) Kind {
	var typed *Error
	if errors.As(err, &typed) {
		return typed.Kind
	}
	return 0
}

// InvalidField returns an Invalid error about one field.
func InvalidField(field, description string) *Error {
	return violations{{Field: field, Description: description}}.err()
}

// violations collects mistakes, so that a caller learns of all at once.
type violations []FieldViolation

func (v *violations) add(field, format string, args ...any) {
	*v = append(*v, FieldViolation{Field: field, Description: fmt.Sprintf(format, args...)})
}

// err returns nil when there are none. Callers that return it as an error must
// check for nil first.
func (v violations) err() *Error {
	if len(v) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Message: "the request is not valid", Violations: v}
}
