package processtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// probeTimeout is longer than the second that a kubelet waits by default: here
// attackers share the CPUs with who is attacked.
const probeTimeout = 3 * time.Second

// sample is the outcome of a probe.
type sample struct {
	at   time.Time
	ok   bool
	err  error
	took time.Duration
}

// watch probes again and again until the function that it returns is called,
// which returns all outcomes.
func watch(interval time.Duration, probe func(context.Context) (bool, error)) (finish func() []sample) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan []sample, 1)
	go func() {
		var samples []sample
		for {
			limited, release := context.WithTimeout(context.Background(), probeTimeout)
			s := sample{at: time.Now()}
			s.ok, s.err = probe(limited)
			s.took = time.Since(s.at)
			release()
			samples = append(samples, s)
			select {
			case <-time.After(interval):
			case <-ctx.Done():
				done <- samples
				return
			}
		}
	}()
	return func() []sample {
		cancel()
		return <-done
	}
}

// httpProbe asks an endpoint as the kubelet does: on a new connection each time.
func httpProbe(url string) func(context.Context) (bool, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		response, err := client.Do(request)
		if err != nil {
			return false, err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return false, err
		}
		switch response.StatusCode {
		case http.StatusOK:
			return true, nil
		case http.StatusServiceUnavailable:
			return false, nil
		}
		return false, fmt.Errorf("answered %s", response.Status)
	}
}

// grpcProbe asks the health service for a name.
func grpcProbe(conn *grpc.ClientConn, name string) func(context.Context) (bool, error) {
	client := grpc_health_v1.NewHealthClient(conn)
	return func(ctx context.Context) (bool, error) {
		response, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: name})
		return response.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING, err
	}
}

// times returns what a fraction of the probes took at most, and the longest.
func times(samples []sample, fraction float64) (quantile, longest time.Duration) {
	var all []time.Duration
	for _, s := range samples {
		all = append(all, s.took)
	}
	slices.Sort(all)
	return all[int(float64(len(all)-1)*fraction)].Round(10 * time.Microsecond), all[len(all)-1].Round(10 * time.Microsecond)
}

// flips returns the moments when the outcome became another, beginning with the
// first outcome's.
func flips(samples []sample) []sample {
	var found []sample
	for i, s := range samples {
		if i == 0 || s.ok != samples[i-1].ok {
			found = append(found, s)
		}
	}
	return found
}

// steady fails the test unless every probe was answered, and with "ok".
func steady(t *testing.T, name string, samples []sample) {
	t.Helper()
	p99, longest := times(samples, 0.99)
	t.Logf("%s: %d probes, p99 %s, longest %s", name, len(samples), p99, longest)
	for _, s := range samples {
		if s.err != nil || !s.ok {
			t.Errorf("%s: a probe answered %t, %v after %s", name, s.ok, s.err, s.took)
			return
		}
	}
}

// memory returns the resident memory of a process, now and at its highest, in
// MiB.
func memory(t *testing.T, pid int) (now, peak int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("the system does not say how much memory a process has: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		// What is no number has another name.
		kilobytes, _ := strconv.Atoi(fields[1])
		switch fields[0] {
		case "VmRSS:":
			now = kilobytes >> 10
		case "VmHWM:":
			peak = kilobytes >> 10
		}
	}
	return now, peak
}
