// Package experiment compares full servers with bare ones.
package experiment

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/bench/load"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/serve"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/target"
)

// Plan is how much is measured.
type Plan struct {
	// Rounds of Round each are run on the bare server and on the full one, in
	// turn, after WarmUp.
	Rounds        int
	Round, WarmUp time.Duration
	// Starts of each server are measured, and its memory Settle after the last.
	Starts int
	Settle time.Duration
	// Overload lasts that long at each rate; a caller gives up after Patience.
	Overload, Patience time.Duration
}

// FullPlan is for figures to go by, QuickPlan for seeing that all of it works.
var (
	FullPlan = Plan{
		Rounds: 30, Round: 500 * time.Millisecond, WarmUp: time.Second, Starts: 20, Settle: time.Second,
		Overload: 3 * time.Second, Patience: time.Second,
	}
	QuickPlan = Plan{
		Rounds: 3, Round: 200 * time.Millisecond, WarmUp: 100 * time.Millisecond, Starts: 3, Settle: 200 * time.Millisecond,
		Overload: 300 * time.Millisecond, Patience: 200 * time.Millisecond,
	}
)

// Bench runs experiments.
type Bench struct {
	Plan Plan
	// Folder takes the logs of the servers.
	Folder string
	// Profiles is a folder for CPU profiles of the servers, or empty.
	Profiles string
	// Say is told what is going on.
	Say func(format string, args ...any)
}

// Protocol is what a pair of servers speaks.
type Protocol struct {
	// Name is "grpc" or "http".
	Name string

	bare, full string
	echo, work string
	connect    func(addr string) (client, error)
}

// client is what the clients of package load have in common.
type client interface {
	Call(method string) load.Call
	Closed(ctx context.Context, method string, concurrency int, duration time.Duration) *load.Result
	Close()
}

const (
	// concurrency is how many requests are kept in flight.
	concurrency = 16
	// connections is how many gRPC shares; HTTP needs one for each request.
	connections = 4
)

// Protocols returns those that there are.
func Protocols() []Protocol {
	return []Protocol{
		{"grpc", serve.BareGRPC, serve.FullGRPC, serve.EchoMethod, serve.WorkMethod, func(addr string) (client, error) {
			return load.NewGRPC(addr, connections)
		}},
		{"http", serve.BareHTTP, serve.FullHTTP, serve.EchoPath, serve.WorkPath, func(addr string) (client, error) {
			return load.NewHTTP(addr), nil
		}},
	}
}

// running is a server with a client.
type running struct {
	*target.Server
	client
}

// start starts one of a protocol's servers. A sum of requests in flight that a
// closed load keeps up must not be refused, so the limit is left as it is.
func (b *Bench) start(ctx context.Context, protocol Protocol, kind string, pin target.Pinning, env ...string) (*running, error) {
	if b.Profiles != "" {
		env = append(env, serve.ProfileVariable+"="+filepath.Join(b.Profiles, kind+".pprof"))
	}
	server, err := target.Start(ctx, b.Folder, kind, pin, env...)
	if err != nil {
		return nil, err
	}
	client, err := protocol.connect(server.Addr(protocol.Name))
	if err != nil {
		server.Close()
		return nil, err
	}
	return &running{server, client}, nil
}

// Close ends both at once.
func (r *running) Close() {
	r.client.Close()
	r.Server.Close()
}

// whole returns an error when some requests did not get the answer that all of
// them should.
func whole(ctx context.Context, what string, result *load.Result) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case result.Failed > 0:
		return fmt.Errorf("%s: %d of %d requests failed: %w", what, result.Failed, result.Sent, result.Err)
	case result.Shed > 0:
		return fmt.Errorf("%s: %d of %d requests were refused", what, result.Shed, result.Sent)
	case result.OK == 0:
		return errors.New(what + ": no request was answered")
	}
	return nil
}

// Spread is a figure that was measured several times: its median, and the
// quartiles, between which half of the values are. Extremes say more about what
// else the machine did.
type Spread struct {
	Median, Low, High float64
}

func spread(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return Spread{}
	}
	at := func(part float64) float64 { return sorted[int(part*float64(len(sorted)-1)+.5)] }
	return Spread{Median: at(.5), Low: at(.25), High: at(.75)}
}
