package experiment_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/bench/experiment"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/serve"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/target"
	"github.com/soketsugo/soketsugo/libs/testing/long"
)

// The servers are this binary, as they are the benchmark's.
func TestMain(m *testing.M) {
	if os.Getenv(serve.KindVariable) != "" {
		os.Exit(serve.Run())
	}
	os.Exit(m.Run())
}

func bench(t *testing.T) *experiment.Bench {
	return &experiment.Bench{
		Plan: experiment.Plan{
			Rounds: 2, Round: 20 * time.Millisecond, WarmUp: 10 * time.Millisecond, Starts: 2,
			Overload: 100 * time.Millisecond, Patience: 20 * time.Second,
		},
		Folder: t.TempDir(), Say: t.Logf,
	}
}

func each(t *testing.T, test func(*testing.T, experiment.Protocol)) {
	for _, protocol := range experiment.Protocols() {
		t.Run(protocol.Name, func(t *testing.T) { test(t, protocol) })
	}
}

// Every request that the client sent is in the server's metrics.
func TestThroughput(t *testing.T) {
	each(t, func(t *testing.T, protocol experiment.Protocol) {
		result, err := bench(t).MeasureThroughput(t.Context(), protocol, target.Pinning{})
		if err != nil {
			t.Fatal(err)
		}
		if result.Sent == 0 || result.Counted != result.Sent {
			t.Errorf("sent %d requests, and the server counted %d", result.Sent, result.Counted)
		}
		if result.Ratio.Low <= 0 || result.Ratio.High < result.Ratio.Median || result.Bare.P50 <= 0 || result.Full.P99 < result.Full.P50 {
			t.Errorf("the figures make no sense: %+v", result)
		}
	})
}

// Every request of an overload was either answered or refused, and the metrics
// say the same.
func TestOverload(t *testing.T) {
	long.Test(t)
	each(t, func(t *testing.T, protocol experiment.Protocol) {
		results, err := bench(t).MeasureOverload(t.Context(), protocol, target.Pinning{})
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range results {
			for _, p := range result.Points {
				if p.Sent == 0 || p.OK+p.Shed != p.Sent || p.Counted != p.OK || p.Refused != p.Shed {
					t.Errorf("limit %d: the counts do not add up: %+v", result.Limit, p)
				}
			}
			if shed := result.Points[2].Shed; (shed > 0) != (result.Limit > 0) {
				t.Errorf("limit %d: %d requests were refused", result.Limit, shed)
			}
		}
	})
}

// All servers start, answer, and stop without losing what is in flight.
func TestStart(t *testing.T) {
	each(t, func(t *testing.T, protocol experiment.Protocol) {
		results, err := bench(t).MeasureStart(t.Context(), protocol)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range results {
			if s.InFlight == 0 || s.Answered != s.InFlight || s.Ready.Low <= 0 || s.Answer.Low < s.Ready.Low {
				t.Errorf("the figures make no sense: %+v", s)
			}
		}
	})
}

// A server that cannot start is an error that says why.
func TestCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct{ kind, env, want string }{
		{serve.FullGRPC, "MAX_REQUESTS=many", "MAX_REQUESTS"},
		{serve.FullHTTP, "HTTP_ADDR=" + taken.Addr().String(), "address already in use"},
		{serve.BareGRPC, "GRPC_ADDR=" + taken.Addr().String(), "address already in use"},
	} {
		server, err := target.Start(t.Context(), t.TempDir(), test.kind, target.Pinning{}, test.env)
		if err == nil {
			server.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with %s: got %v, want an error with %q", test.kind, test.env, err, test.want)
		}
	}
}

// A report has all that was measured.
func TestReport(t *testing.T) {
	report := &experiment.Report{
		Throughput: []*experiment.Throughput{{Protocol: "grpc", Ratio: experiment.Spread{Median: .91, Low: .9, High: .92}}},
		Starts:     []*experiment.Start{{Server: "full-http", InFlight: 16, Answered: 16}},
		Overload:   []*experiment.Overload{{Protocol: "http", Limit: 64, Points: []*experiment.Point{{Times: 5, Flat: .99}}}},
	}
	var text strings.Builder
	if err := report.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0.91 (0.90 to 0.92)", "full-http", "16 of 16", "http, MAX_REQUESTS=64", "0.99"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &text)
		}
	}
}
