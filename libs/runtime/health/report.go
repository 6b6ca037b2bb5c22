package health

import (
	"errors"
	"slices"
	"time"
)

// Report is readiness with its reasons.
type Report struct {
	Ready bool `json:"ready"`
	// Reasons holds one entry per condition.
	Reasons []Reason `json:"reasons"`
}

// Reason is one condition of readiness.
type Reason struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail is for people; it names no address and no secret.
	Detail string `json:"detail,omitempty"`
}

// Report returns readiness with its reasons, without a lock.
func (s *State) Report() Report {
	report := s.seen.Load().report
	report.Reasons = slices.Clone(report.Reasons)
	return report
}

// Result is what is known of one check, for metrics.
type Result struct {
	Name string
	// OK is what readiness goes by, and Passing the outcome of the last run.
	OK, Passing bool
	// Took is how long the last run took.
	Took time.Duration
	// Failures counts the runs that failed.
	Failures uint64
}

// Results returns what is known of each check, without a lock, in the order in
// which they were added.
func (s *State) Results() []Result { return slices.Clone(s.seen.Load().results) }

func reason(name string, ok bool, detail string) Reason {
	if ok {
		detail = ""
	}
	return Reason{Name: name, OK: ok, Detail: detail}
}

// reason describes a check without its error, which may name hosts and users:
// it belongs into the log, and a report is served to whoever asks.
func (c *check) reason() Reason {
	r := Reason{Name: c.Name, OK: c.ok}
	switch {
	case errors.Is(c.err, errNotRun):
		r.Detail = errNotRun.Error()
	case c.ok && c.err != nil:
		r.Detail = "fails, within tolerance"
	case !c.ok && c.err == nil:
		r.Detail = "passes again, not for long enough yet"
	case !c.ok:
		r.Detail = "does not pass"
	}
	return r
}
