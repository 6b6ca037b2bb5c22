package tracing

import "encoding/hex"

// MaxStateBytes is how long a tracestate may be to be carried on. A longer one
// is dropped, which leaves the trace itself whole.
const MaxStateBytes = 512

// Context is a place in a trace, as W3C Trace Context (level 1) defines it.
type Context struct {
	TraceID [16]byte
	SpanID  [8]byte
	// Sampled says that the caller may have recorded its part of the trace.
	Sampled bool
	// State is the tracestate header: other vendors' data, carried on unchanged.
	State string
}

// Positions in "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".
const (
	traceIDAt     = 3
	spanIDAt      = 36
	flagsAt       = 53
	traceparentAt = 55 // where the header ends
)

// flagSampled is the one flag of level 1. Others are not carried on, as the
// standard demands of those who do not know them.
const flagSampled = 1

// ParseTraceparent reads a traceparent header. When it returns false, the
// header must be treated as if it were not there, tracestate with it.
func ParseTraceparent(header string) (Context, bool) {
	var b [traceparentAt]byte
	if copy(b[:], header) < len(b) || b[2] != '-' || b[35] != '-' || b[52] != '-' {
		return Context{}, false
	}
	// Later versions may add fields at the end; version 0 has none.
	if len(header) > len(b) && (header[:2] == "00" || header[len(b)] != '-') {
		return Context{}, false
	}
	// Digits must be in lower case; this bit is set in all characters but those in
	// upper case. Package hex would take both.
	const notUpper = 0x20
	all := byte(notUpper)
	for _, c := range b[:] {
		all &= c
	}
	var version, flags [1]byte
	var c Context
	ok := all == notUpper && decoded(version[:], b[:]) && decoded(c.TraceID[:], b[traceIDAt:]) &&
		decoded(c.SpanID[:], b[spanIDAt:]) && decoded(flags[:], b[flagsAt:])
	if !ok || version[0] == 0xff || c.TraceID == ([16]byte{}) || c.SpanID == ([8]byte{}) {
		return Context{}, false
	}
	c.Sampled = flags[0]&flagSampled != 0
	return c, true
}

// decoded fills into from the start of some digits, if that is what they are.
func decoded(into, digits []byte) bool {
	_, err := hex.Decode(into, digits[:2*len(into)])
	return err == nil
}

// usableState returns a tracestate as it is, or nothing when it is too long or
// is not what a header may hold.
func usableState(state string) string {
	if len(state) > MaxStateBytes {
		return ""
	}
	for i := range len(state) {
		if c := state[i]; (c < ' ' || c > '~') && c != '\t' {
			return ""
		}
	}
	return state
}

// Traceparent returns the header for requests that belong to this place in the
// trace.
func (c Context) Traceparent() string {
	b := make([]byte, 0, traceparentAt)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, c.TraceID[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, c.SpanID[:])
	if c.Sampled {
		return string(append(b, "-01"...))
	}
	return string(append(b, "-00"...))
}

// TraceIDString returns the trace's ID as logs and tools write it.
func (c Context) TraceIDString() string {
	// hex.EncodeToString needs two allocations, and every request has one of these.
	var text [2 * len(c.TraceID)]byte
	hex.Encode(text[:], c.TraceID[:])
	return string(text[:])
}

// SpanIDString returns the span's ID as logs and tools write it.
func (c Context) SpanIDString() string { return hex.EncodeToString(c.SpanID[:]) }
