package metrics_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/metrics"
)

func text(registry *metrics.Registry) string {
	var written strings.Builder
	registry.Write(&written)
	return written.String()
}

// of returns the lines about one name.
func of(registry *metrics.Registry, name string) string {
	var lines strings.Builder
	for line := range strings.Lines(text(registry)) {
		if strings.HasPrefix(strings.TrimPrefix(line, "# TYPE "), name) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// Everything is written in Prometheus's text format, sorted, with its labels,
// whatever is in them.
func TestWrite(t *testing.T) {
	registry := metrics.New()
	registry.Counter("requests_total", "route", "/v1/{id}", "code", "404").Inc()
	registry.Counter("requests_total", "route", "/v1/{id}", "code", "200").Inc()
	registry.Counter("requests_total", "route", "/v1/{id}", "code", "200").Inc()
	registry.Counter("odd_total", "text", "a\"b\\c\nd").Inc()
	registry.Gauge("in_flight", func() float64 { return 7.5 })
	for _, test := range []struct{ name, want string }{
		{"requests_total", "# TYPE requests_total counter\n" +
			`requests_total{route="/v1/{id}",code="200"} 2` + "\n" + `requests_total{route="/v1/{id}",code="404"} 1` + "\n"},
		{"odd_total", "# TYPE odd_total counter\n" + `odd_total{text="a\"b\\c\nd"} 1` + "\n"},
		{"in_flight", "# TYPE in_flight gauge\nin_flight 7.5\n"},
	} {
		if diff := cmp.Diff(test.want, of(registry, test.name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// Durations count in every bucket that they fit into, up to and including its
// bound.
func TestHistogram(t *testing.T) {
	registry := metrics.New()
	for _, d := range []time.Duration{0, 2500 * time.Microsecond, 2501 * time.Microsecond, time.Hour} {
		registry.Histogram("seconds", "route", "r").Observe(d)
	}
	registry.Histogram("bare")
	got := of(registry, "seconds")
	for _, want := range []string{
		"# TYPE seconds histogram\n", `seconds_bucket{route="r",le="0.0005"} 1`, `seconds_bucket{route="r",le="0.001"} 1`,
		`seconds_bucket{route="r",le="0.0025"} 2`, `seconds_bucket{route="r",le="0.005"} 3`, `seconds_bucket{route="r",le="30"} 3`,
		`seconds_bucket{route="r",le="+Inf"} 4`, `seconds_sum{route="r"} 3600.005001`, `seconds_count{route="r"} 4`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the text lacks %q:\n%s", want, got)
		}
	}
	if bare := of(registry, "bare"); !strings.Contains(bare, `bare_bucket{le="+Inf"} 0`) || !strings.Contains(bare, "bare_count 0\n") {
		t.Errorf("without labels:\n%s", bare)
	}
}

// The Go runtime and the process are measured, with values that can be true.
func TestRuntime(t *testing.T) {
	registry := metrics.New()
	for _, name := range []string{"go_goroutines", "go_gomaxprocs", "go_memory_total_bytes", "go_memory_heap_bytes", "go_allocated_bytes_total",
		"process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"} {
		if got := of(registry, name); !strings.Contains(got, "\n"+name+" ") || strings.HasSuffix(got, " 0\n") {
			t.Errorf("%s: got %q, want a value", name, got)
		}
	}
}

// Two registries share nothing, and a name has one kind.
func TestRegistry(t *testing.T) {
	one, other := metrics.New(), metrics.New()
	one.Counter("only_in_one_total").Inc()
	if strings.Contains(text(other), "only_in_one_total") {
		t.Error("a registry holds what another one was given")
	}
	defer func() {
		if recover() == nil {
			t.Error("a counter became a gauge")
		}
	}()
	one.Gauge("only_in_one_total", func() float64 { return 0 })
}

// Many at once lose nothing.
func TestConcurrent(t *testing.T) {
	registry := metrics.New()
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			for range 1000 {
				registry.Counter("total").Inc()
				registry.Histogram("seconds").Observe(time.Millisecond)
			}
			_ = text(registry)
		})
	}
	working.Wait()
	if got := registry.Counter("total").Value(); got != 8000 || !strings.Contains(text(registry), "seconds_count 8000\n") {
		t.Errorf("the counter is %d, the histogram:\n%s", got, of(registry, "seconds"))
	}
}

// What a request pays for its duration.
func BenchmarkObserve(b *testing.B) {
	h := metrics.New().Histogram("seconds")
	for b.Loop() {
		h.Observe(3 * time.Millisecond)
	}
}
