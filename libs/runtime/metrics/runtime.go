package metrics

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// measureRuntime adds what the Go runtime and the operating system know. Names
// are those of Prometheus's own client where it has them.
func (r *Registry) measureRuntime() {
	for _, m := range []struct {
		name, source string
		counts       bool
	}{
		{"go_goroutines", "/sched/goroutines:goroutines", false},
		{"go_gomaxprocs", "/sched/gomaxprocs:threads", false},
		{"go_memory_total_bytes", "/memory/classes/total:bytes", false},
		{"go_memory_heap_bytes", "/memory/classes/heap/objects:bytes", false},
		{"go_memory_limit_bytes", "/gc/gomemlimit:bytes", false},
		{"go_allocated_bytes_total", "/gc/heap/allocs:bytes", true},
		{"go_gc_cycles_total", "/gc/cycles/total:gc-cycles", true},
		{"go_gc_cpu_seconds_total", "/cpu/classes/gc/total:cpu-seconds", true},
	} {
		if m.counts {
			r.counterFunc(m.name, func() float64 { return sample(m.source) })
		} else {
			r.Gauge(m.name, func() float64 { return sample(m.source) })
		}
	}
	started := float64(time.Now().UnixMilli()) / 1000
	r.Gauge("process_start_time_seconds", func() float64 { return started })
	r.counterFunc("process_cpu_seconds_total", cpuSeconds)
	r.Gauge("process_resident_memory_bytes", residentBytes)
	r.Gauge("process_open_fds", openFiles)
	r.Gauge("process_max_fds", maxFiles)
}

func sample(source string) float64 {
	samples := []metrics.Sample{{Name: source}}
	metrics.Read(samples)
	switch value := samples[0].Value; value.Kind() {
	case metrics.KindUint64:
		return float64(value.Uint64())
	case metrics.KindFloat64:
		return value.Float64()
	default:
		return 0
	}
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / float64(time.Second)
}

// residentBytes reads Linux's /proc, and is 0 elsewhere.
func residentBytes() float64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	if err != nil {
		return 0
	}
	return pages * float64(os.Getpagesize())
}

// openFiles reads Linux's /proc, and is 0 elsewhere.
func openFiles() float64 {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	// One of them is the folder that was just read.
	return float64(len(entries) - 1)
}

func maxFiles() float64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return float64(limit.Cur)
}
