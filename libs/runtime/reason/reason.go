// Package reason holds the words for programs that a server says of itself why it
// does not do what it was asked for, whatever its transport and its service. They
// stay the same while messages change. A service has more of its own.
package reason

const (
	// Internal: the server failed.
	Internal = "INTERNAL"
	// Overloaded: there is no room for another request.
	Overloaded = "OVERLOADED"
	// Stopping: the process is about to end.
	Stopping = "STOPPING"
	// DeadlineExceeded: there was not enough time.
	DeadlineExceeded = "DEADLINE_EXCEEDED"
	// Cancelled: the caller gave up.
	Cancelled = "CANCELLED"
	// NoSuchOperation: nothing is served under this name.
	NoSuchOperation = "NO_SUCH_OPERATION"
	// RequestInvalid: the request is wrong.
	RequestInvalid = "REQUEST_INVALID"
	// RequestTooLarge: the request has too many bytes.
	RequestTooLarge = "REQUEST_TOO_LARGE"
	// RequestTooSlow: the request took too long to arrive.
	RequestTooSlow = "REQUEST_TOO_SLOW"
	// NotJSON: the request is not declared to be JSON.
	NotJSON = "NOT_JSON"
)

// All returns every reason, so that tests can hold the documentation complete.
func All() []string {
	return []string{
		Internal, Overloaded, Stopping, DeadlineExceeded, Cancelled, NoSuchOperation, RequestInvalid, RequestTooLarge, RequestTooSlow, NotJSON,
	}
}
