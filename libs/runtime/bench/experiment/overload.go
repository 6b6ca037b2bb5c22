package experiment

import (
	"context"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/bench/load"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/serve"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/target"
)

// Overload is what a full server does with more than it can.
type Overload struct {
	Protocol string
	// Limit is MAX_REQUESTS; 0 is none.
	Limit int
	// Capacity is how many requests per second the handler can answer.
	Capacity int
	Points   []*Point
}

// Point is one rate of requests.
type Point struct {
	// Times is the rate over the capacity.
	Times int
	// Good is how many requests per second were answered while the load lasted.
	Good float64
	// Flat is Good over that at the rate of the capacity.
	Flat float64
	// P99 is of the good answers.
	P99 time.Duration
	// PeakMemory is in bytes.
	PeakMemory int64
	// Sent is how many requests there were; it is the sum of OK, Shed and Failed,
	// whose callers gave up.
	Sent, OK, Shed, Failed int
	// Counted and Refused are the server's metrics.
	Counted, Refused int
}

const (
	slots    = 8
	workTime = 5 * time.Millisecond
	capacity = int(slots * time.Second / workTime)
	limit    = 64
)

// MeasureOverload sends what a server can answer, twice that and five times that,
// with a limit on requests in flight and without one. Each rate gets a new
// server, for its memory to show.
func (b *Bench) MeasureOverload(ctx context.Context, protocol Protocol, pin target.Pinning) ([]*Overload, error) {
	var all []*Overload
	for _, limit := range []int{limit, 0} {
		o := &Overload{Protocol: protocol.Name, Limit: limit, Capacity: capacity}
		for _, times := range []int{1, 2, 5} {
			b.Say("%s: overload, MAX_REQUESTS=%d, %d times the capacity for %s", protocol.Name, limit, times, b.Plan.Overload)
			p, err := b.measurePoint(ctx, protocol, limit, times, pin)
			if err != nil {
				return nil, fmt.Errorf("%s, overload: %w", protocol.Name, err)
			}
			o.Points = append(o.Points, p)
			p.Flat = p.Good / o.Points[0].Good
		}
		all = append(all, o)
	}
	return all, nil
}

func (b *Bench) measurePoint(ctx context.Context, protocol Protocol, limit, times int, pin target.Pinning) (*Point, error) {
	server, err := b.start(ctx, protocol, protocol.full, pin, fmt.Sprintf("MAX_REQUESTS=%d", limit),
		fmt.Sprintf("%s=%d", serve.SlotsVariable, slots), serve.WorkVariable+"="+workTime.String())
	if err != nil {
		return nil, err
	}
	defer server.Close()
	result := load.Open(ctx, times*capacity, b.Plan.Overload, b.Plan.Patience, server.Call(protocol.work))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if result.OK == 0 {
		return nil, fmt.Errorf("none of %d requests was answered: %w", result.Sent, result.Err)
	}
	p := &Point{
		Times: times, Good: result.PerSecond(), P99: result.Quantile(.99),
		Sent: result.Sent, OK: result.OK, Shed: result.Shed, Failed: result.Failed,
	}
	_, p.PeakMemory = server.Memory()
	if p.Counted, err = server.Count(ctx, "requests_total"); err != nil {
		return nil, err
	}
	if p.Refused, err = server.Count(ctx, "requests_shed_total"); err != nil {
		return nil, err
	}
	server.client.Close()
	_, err = server.Stop()
	return p, err
}
