// Package metrics counts and measures, and writes it all in the text format of
// Prometheus (version 0.0.4).
//
// It is a page of code where a library would be expected: Prometheus's own
// client does not fit into the size budget of an image, and the small one,
// VictoriaMetrics/metrics, writes to standard error before main begins.
// docs/lifecycle.md has the figures.
package metrics

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Counter only goes up. It is safe for concurrent use.
type Counter struct{ value atomic.Uint64 }

// Inc adds one.
func (c *Counter) Inc() { c.value.Add(1) }

// Value returns the count.
func (c *Counter) Value() uint64 { return c.value.Load() }

func (c *Counter) write(w io.Writer, name, labels string) {
	fmt.Fprintf(w, "%s%s %d\n", name, braces(labels), c.value.Load())
}

// gauge is a value that is asked for whenever the metrics are read.
type gauge func() float64

func (g gauge) write(w io.Writer, name, labels string) {
	fmt.Fprintf(w, "%s%s %s\n", name, braces(labels), number(g()))
}

// metric is one line of a family, or the lines of one histogram.
type metric interface {
	write(w io.Writer, name, labels string)
}

// family is all metrics of one name.
type family struct {
	kind    string
	metrics map[string]metric
}

// Registry holds the metrics of a process. It is safe for concurrent use.
type Registry struct {
	mu       sync.Mutex
	families map[string]*family
}

// New returns a registry that knows of the Go runtime and the operating system's
// process.
func New() *Registry {
	r := &Registry{families: map[string]*family{}}
	r.measureRuntime()
	return r
}

// Counter returns the counter of that name and those labels, which alternate
// between names and values. It is made when it is first asked for.
func (r *Registry) Counter(name string, labels ...string) *Counter {
	return r.add("counter", name, labels, func() metric { return &Counter{} }).(*Counter)
}

// Gauge adds a value that is asked for whenever the metrics are read.
func (r *Registry) Gauge(name string, value func() float64, labels ...string) {
	r.add("gauge", name, labels, func() metric { return gauge(value) })
}

// counterFunc adds a count that something else keeps.
func (r *Registry) counterFunc(name string, value func() float64) {
	r.add("counter", name, nil, func() metric { return gauge(value) })
}

// Histogram returns a histogram of durations in seconds. It is made when it is
// first asked for.
func (r *Registry) Histogram(name string, labels ...string) *Histogram {
	return r.add("histogram", name, labels, func() metric { return newHistogram() }).(*Histogram)
}

func (r *Registry) add(kind, name string, labels []string, made func() metric) metric {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.families[name]
	if f == nil {
		f = &family{kind: kind, metrics: map[string]metric{}}
		r.families[name] = f
	}
	if f.kind != kind {
		panic("metrics: " + name + " is a " + f.kind + " and cannot be a " + kind)
	}
	key := join(labels)
	if f.metrics[key] == nil {
		f.metrics[key] = made()
	}
	return f.metrics[key]
}

// Write writes all metrics, sorted, so that two readings can be compared.
func (r *Registry) Write(w io.Writer) {
	type row struct {
		name, labels string
		metric
	}
	var rows []row
	kinds := map[string]string{}
	r.mu.Lock()
	for _, name := range slices.Sorted(maps.Keys(r.families)) {
		f := r.families[name]
		kinds[name] = f.kind
		for _, labels := range slices.Sorted(maps.Keys(f.metrics)) {
			rows = append(rows, row{name, labels, f.metrics[labels]})
		}
	}
	r.mu.Unlock()
	// Gauges may take locks of their own, so they are asked without ours.
	buffered := bufio.NewWriter(w)
	last := ""
	for _, row := range rows {
		if row.name != last {
			fmt.Fprintf(buffered, "# TYPE %s %s\n", row.name, kinds[row.name])
			last = row.name
		}
		row.write(buffered, row.name, row.labels)
	}
	// A reader that went away cannot be told so.
	_ = buffered.Flush()
}

// escape makes any text a label's value.
var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// join writes labels as they stand between the braces.
func join(labels []string) string {
	var text strings.Builder
	for i := 0; i+1 < len(labels); i += 2 {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `%s="%s"`, labels[i], escape.Replace(labels[i+1]))
	}
	return text.String()
}

func braces(labels string) string {
	if labels == "" {
		return ""
	}
	return "{" + labels + "}"
}

func number(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }
