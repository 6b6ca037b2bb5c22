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
	if len(header) < traceparentAt || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return Context{}, false
	}
	var version, flags [1]byte
	var c Context
	ok := decodeHex(version[:], header) && decodeHex(c.TraceID[:], header[traceIDAt:]) &&
		decodeHex(c.SpanID[:], header[spanIDAt:]) && decodeHex(flags[:], header[flagsAt:])
	if !ok || version[0] == 0xff || c.TraceID == ([16]byte{}) || c.SpanID == ([8]byte{}) {
		return Context{}, false
	}
	// Later versions may add fields at the end; version 0 has none.
	if len(header) > traceparentAt && (version[0] == 0 || header[traceparentAt] != '-') {
		return Context{}, false
	}
	c.Sampled = flags[0]&flagSampled != 0
	return c, true
}

// decodeHex fills into from the start of a text that is long enough. Unlike
// package hex, the standard allows lower-case digits only.
func decodeHex(into []byte, from string) bool {
	from = from[:2*len(into)]
	const notUpper = 0x20 // is set in every digit but those in upper case
	all := byte(notUpper)
	for i := range len(from) {
		all &= from[i]
	}
	_, err := hex.Decode(into, []byte(from))
	return err == nil && all == notUpper
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
func (c Context) TraceIDString() string { return hex.EncodeToString(c.TraceID[:]) }

// SpanIDString returns the span's ID as logs and tools write it.
func (c Context) SpanIDString() string { return hex.EncodeToString(c.SpanID[:]) }
