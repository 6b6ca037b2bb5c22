package domain

// Reason says in a word for programs what an error is about. It stays the same
// while messages change, and is a part of the API.
type Reason string

// What an error is about of which no more is to be said than its kind, in the
// order of Kinds.
const (
	RequestInvalid   Reason = "REQUEST_INVALID"
	NotAuthenticated Reason = "NOT_AUTHENTICATED"
	NotAllowed       Reason = "NOT_ALLOWED"
	NoSuchResource   Reason = "NOT_FOUND"
	ResourceExists   Reason = "ALREADY_EXISTS"
	StateForbids     Reason = "STATE_FORBIDS"
	ChangedMeanwhile Reason = "CHANGED_MEANWHILE"
	TryLater         Reason = "TRY_LATER"
)

// Internal is what an error is about that is not an Error.
const Internal Reason = "INTERNAL"

// What a caller may want to tell apart.
const (
	PlaybookNotDraft   Reason = "PLAYBOOK_NOT_DRAFT"
	PlaybookNotActive  Reason = "PLAYBOOK_NOT_ACTIVE"
	PlaybookIsArchived Reason = "PLAYBOOK_ARCHIVED"
	PlaybookEmpty      Reason = "PLAYBOOK_WITHOUT_STEPS"
	ContactEnrolled    Reason = "CONTACT_ENROLLED"
	LeaseNotHeld       Reason = "LEASE_NOT_HELD"
	EnrolmentEnded     Reason = "ENROLMENT_ENDED"
)

// What becomes of a request that is sent again under a name of the caller's.
const (
	RequestUnderWay Reason = "REQUEST_UNDER_WAY"
	KeyReused       Reason = "IDEMPOTENCY_KEY_REUSED"
	AnswerNotKept   Reason = "ANSWER_NOT_KEPT"
)

// Reasons returns every reason, so that tests can hold the documentation
// complete.
func Reasons() []Reason {
	return []Reason{
		RequestInvalid, NotAuthenticated, NotAllowed, NoSuchResource, ResourceExists, StateForbids, ChangedMeanwhile, TryLater, Internal,
		PlaybookNotDraft, PlaybookNotActive, PlaybookEmpty, PlaybookIsArchived, ContactEnrolled, EnrolmentEnded, LeaseNotHeld,
		RequestUnderWay, KeyReused, AnswerNotKept,
	}
}

// Reason returns what errors of the kind are about as a rule.
func (k Kind) Reason() Reason {
	switch k {
	case Invalid:
		return RequestInvalid
	case Unauthenticated:
		return NotAuthenticated
	case Forbidden:
		return NotAllowed
	case NotFound:
		return NoSuchResource
	case AlreadyExists:
		return ResourceExists
	case FailedPrecondition:
		return StateForbids
	case Conflict:
		return ChangedMeanwhile
	case Unavailable:
		return TryLater
	default:
		return Internal
	}
}

// Because returns the error, which from now on has a reason of its own.
func (e *Error) Because(reason Reason) *Error {
	e.reason = reason
	return e
}

// Reason returns what the error is about: its own reason, or that of its kind.
func (e *Error) Reason() Reason {
	if e.reason == "" {
		return e.Kind.Reason()
	}
	return e.reason
}
