package tracing

import (
	"encoding/binary"
	"math"
	"strconv"
)

// sampler decides which requests are recorded.
type sampler struct {
	// followParent: a trace that the caller began goes by the caller's decision.
	followParent bool
	// bound decides the others: those are recorded whose number is lower.
	bound uint64
}

// everything is the bound that is above all numbers of traces.
const everything = 1 << 63

// samplerNamed returns the sampler that OpenTelemetry gives that name.
func samplerNamed(name string, ratio float64) (sampler, bool) {
	switch name {
	case "always_on":
		return sampler{bound: everything}, true
	case "always_off":
		return sampler{}, true
	case "traceidratio":
		return sampler{bound: uint64(ratio * everything)}, true
	case "parentbased_always_on", "":
		return sampler{followParent: true, bound: everything}, true
	case "parentbased_always_off":
		return sampler{followParent: true}, true
	case "parentbased_traceidratio":
		return sampler{followParent: true, bound: uint64(ratio * everything)}, true
	}
	return sampler{}, false
}

// parseRatio reads a number from 0 to 1; nothing counts as 1.
func parseRatio(text string) (float64, bool) {
	if text == "" {
		return 1, true
	}
	ratio, err := strconv.ParseFloat(text, 64)
	return ratio, err == nil && !math.IsNaN(ratio) && 0 <= ratio && ratio <= 1
}

// sample decides about a request. parent is the zero Context when the request
// begins a trace.
func (s sampler) sample(parent Context, traceID [16]byte) bool {
	if s.followParent && parent.TraceID != ([16]byte{}) {
		return parent.Sampled
	}
	// OpenTelemetry's SDK for Go computes the same, so that all processes in a
	// trace come to the same decision.
	return binary.BigEndian.Uint64(traceID[8:])>>1 < s.bound
}
