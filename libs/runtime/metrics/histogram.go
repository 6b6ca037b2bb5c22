package metrics

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// buckets are the upper bounds of durations, in seconds: from an answer out of
// memory to one that comes at the default deadline. What is longer counts in
// none of them.
var buckets = [...]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// Histogram counts durations in buckets. It is safe for concurrent use.
type Histogram struct {
	mu     sync.Mutex
	counts [len(buckets) + 1]uint64
	sum    float64
}

func newHistogram() *Histogram { return &Histogram{} }

// Observe adds a duration.
func (h *Histogram) Observe(duration time.Duration) {
	seconds := duration.Seconds()
	bucket := 0
	for bucket < len(buckets) && seconds > buckets[bucket] {
		bucket++
	}
	h.mu.Lock()
	h.counts[bucket]++
	h.sum += seconds
	h.mu.Unlock()
}

func (h *Histogram) write(w io.Writer, name, labels string) {
	h.mu.Lock()
	counts, sum := h.counts, h.sum
	h.mu.Unlock()
	comma := ""
	if labels != "" {
		comma = ","
	}
	var count uint64
	for i, bound := range buckets {
		count += counts[i]
		fmt.Fprintf(w, "%s_bucket{%s%sle=\"%s\"} %d\n", name, labels, comma, number(bound), count)
	}
	count += counts[len(buckets)]
	fmt.Fprintf(w, "%s_bucket{%s%sle=\"+Inf\"} %d\n", name, labels, comma, count)
	fmt.Fprintf(w, "%s_sum%s %s\n", name, braces(labels), number(sum))
	fmt.Fprintf(w, "%s_count%s %d\n", name, braces(labels), count)
}
