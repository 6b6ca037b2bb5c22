package tracing_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID  = "00f067aa0ba902b7"
	sampled = "00-" + traceID + "-" + spanID + "-01"
)

// What the standard takes is taken, and nothing else.
func TestParseTraceparent(t *testing.T) {
	example := func(sampled bool) tracing.Context {
		return tracing.Context{
			TraceID: [16]byte{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36},
			SpanID:  [8]byte{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
			Sampled: sampled,
		}
	}
	for _, test := range []struct {
		name, header string
		want         tracing.Context
		ok           bool
	}{
		{"the standard's example, sampled", sampled, example(true), true},
		{"the standard's example, not sampled", "00-" + traceID + "-" + spanID + "-00", example(false), true},
		{"flags that are not known", "00-" + traceID + "-" + spanID + "-ff", example(true), true},
		{"unknown flags alone", "00-" + traceID + "-" + spanID + "-02", example(false), true},
		{"a later version", "cc-" + traceID + "-" + spanID + "-01", example(true), true},
		{"a later version with more fields", "cc-" + traceID + "-" + spanID + "-01-what-the-future-will-be-like", example(true), true},
		{"a later version with an empty field", "01-" + traceID + "-" + spanID + "-00-", example(false), true},

		{"nothing", "", tracing.Context{}, false},
		{"version ff", "ff-" + traceID + "-" + spanID + "-01", tracing.Context{}, false},
		{"version in upper case", "CC-" + traceID + "-" + spanID + "-01", tracing.Context{}, false},
		{"version that is no number", "0x-" + traceID + "-" + spanID + "-01", tracing.Context{}, false},
		{"version 0 with more fields", sampled + "-what-the-future-will-be-like", tracing.Context{}, false},
		{"version 0 with a dash at the end", sampled + "-", tracing.Context{}, false},
		{"a later version with longer flags", "cc-" + traceID + "-" + spanID + "-01.what-the-future-will-not-be-like", tracing.Context{}, false},
		{"a later version that is too short", "cc-" + traceID + "-" + spanID + "-1", tracing.Context{}, false},
		{"a zero trace", "00-" + strings.Repeat("0", 32) + "-" + spanID + "-01", tracing.Context{}, false},
		{"a zero span", "00-" + traceID + "-" + strings.Repeat("0", 16) + "-01", tracing.Context{}, false},
		{"a trace in upper case", "00-" + strings.ToUpper(traceID) + "-" + spanID + "-01", tracing.Context{}, false},
		{"a span in upper case", "00-" + traceID + "-" + strings.ToUpper(spanID) + "-01", tracing.Context{}, false},
		{"flags in upper case", "00-" + traceID + "-" + spanID + "-0A", tracing.Context{}, false},
		{"a trace that is no number", "00-" + strings.Repeat(".", 32) + "-" + spanID + "-01", tracing.Context{}, false},
		{"a span that is no number", "00-" + traceID + "-" + strings.Repeat("g", 16) + "-01", tracing.Context{}, false},
		{"a trace that is too long", "00-" + traceID + "0-" + spanID + "-01", tracing.Context{}, false},
		{"a trace that is too short", "00-" + traceID[1:] + "-" + spanID + "-01", tracing.Context{}, false},
		{"underscores", strings.ReplaceAll(sampled, "-", "_"), tracing.Context{}, false},
		{"a space before", " " + sampled, tracing.Context{}, false},
		{"a space behind", sampled + " ", tracing.Context{}, false},
		{"two headers", sampled + "," + sampled, tracing.Context{}, false},
	} {
		got, ok := tracing.ParseTraceparent(test.header)
		if diff := cmp.Diff(test.want, got); ok != test.ok || diff != "" {
			t.Errorf("%s: got %v, want %v; (-want +got):\n%s", test.name, ok, test.ok, diff)
		}
	}
}

// A context is written as the standard's example has it.
func TestTraceparent(t *testing.T) {
	for _, want := range []string{sampled, "00-" + traceID + "-" + spanID + "-00"} {
		c, _ := tracing.ParseTraceparent(want)
		if got := c.Traceparent(); got != want || c.TraceIDString() != traceID || c.SpanIDString() != spanID {
			t.Errorf("got %s, %s, %s, want %s", got, c.TraceIDString(), c.SpanIDString(), want)
		}
	}
}

// Whatever is taken is written in such a way that it is read as the same again.
func FuzzParseTraceparent(f *testing.F) {
	for _, header := range []string{
		"", sampled, sampled + "-", "ff-" + traceID + "-" + spanID + "-01", "01-" + traceID + "-" + spanID + "-03-more",
		"00-" + strings.ToUpper(traceID) + "-" + spanID + "-00", "00-" + traceID + "-0000000000000000-00",
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		parsed, ok := tracing.ParseTraceparent(header)
		if !ok {
			if parsed != (tracing.Context{}) {
				t.Errorf("%q: not taken, but got %+v", header, parsed)
			}
			return
		}
		written := parsed.Traceparent()
		if written[3:53] != header[3:53] {
			t.Errorf("%q became %q", header, written)
		}
		if again, ok := tracing.ParseTraceparent(written); !ok || again != parsed {
			t.Errorf("%q: read as %+v, then as %+v, %v", header, parsed, again, ok)
		}
	})
}
