package experiment

import (
	"context"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/bench/load"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/serve"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/target"
)

// Start is how a server starts and stops, in milliseconds.
type Start struct {
	Server string
	// Ready is from exec until the server says that it is ready, and Answer until
	// a new client has its first answer.
	Ready, Answer Spread
	// IdleMemory is in bytes, after the first answer and some rest.
	IdleMemory int64
	// Drain is from SIGTERM to the end of a server that has one idle client.
	Drain Spread
	// BusyDrain is the same for one with InFlight requests, which have yet to take
	// Remaining. Answered is how many of them got their answer.
	BusyDrain, Remaining float64
	InFlight, Answered   int
}

const (
	// longWork is how long requests take that a drain finds in flight, and
	// drainAfter how long they have been there then.
	longWork   = 300 * time.Millisecond
	drainAfter = 100 * time.Millisecond
)

// MeasureStart starts and stops the servers of a protocol, and returns the bare
// one first.
func (b *Bench) MeasureStart(ctx context.Context, protocol Protocol) ([]*Start, error) {
	var all []*Start
	for _, kind := range []string{protocol.bare, protocol.full} {
		b.Say("%s: %d starts", kind, b.Plan.Starts)
		s := &Start{Server: kind}
		var ready, answer, drain []float64
		for i := range b.Plan.Starts {
			settle := i == b.Plan.Starts-1
			one, err := b.startOnce(ctx, protocol, kind, settle)
			if err != nil {
				return nil, err
			}
			ready, answer, drain = append(ready, one.ready), append(answer, one.answer), append(drain, one.drain)
			s.IdleMemory = one.memory
		}
		s.Ready, s.Answer, s.Drain = spread(ready), spread(answer), spread(drain)
		if err := b.measureDrain(ctx, protocol, kind, s); err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// oneStart is a Start that was measured once.
type oneStart struct {
	ready, answer, drain float64
	memory               int64
}

func (b *Bench) startOnce(ctx context.Context, protocol Protocol, kind string, settle bool) (*oneStart, error) {
	server, err := b.start(ctx, protocol, kind, target.Pinning{})
	if err != nil {
		return nil, err
	}
	defer server.Close()
	first := load.Closed(ctx, 1, 0, server.Call(protocol.echo))
	one := &oneStart{ready: milliseconds(server.ReadyAfter), answer: milliseconds(time.Since(server.Began))}
	if err := whole(ctx, kind, first); err != nil {
		return nil, err
	}
	if settle {
		time.Sleep(b.Plan.Settle)
	}
	one.memory, _ = server.Memory()
	took, err := server.Stop()
	one.drain = milliseconds(took)
	return one, err
}

// measureDrain stops a server that has requests in flight.
func (b *Bench) measureDrain(ctx context.Context, protocol Protocol, kind string, s *Start) error {
	server, err := b.start(ctx, protocol, kind, target.Pinning{},
		fmt.Sprintf("%s=%d", serve.SlotsVariable, concurrency), serve.WorkVariable+"="+longWork.String())
	if err != nil {
		return err
	}
	defer server.Close()
	ended := make(chan *load.Result, 1)
	go func() { ended <- load.Closed(ctx, concurrency, 0, server.Call(protocol.work)) }()
	time.Sleep(drainAfter)
	took, err := server.Stop()
	if err != nil {
		return err
	}
	s.BusyDrain, s.Remaining = milliseconds(took), milliseconds(longWork-drainAfter)
	result := <-ended
	s.InFlight, s.Answered = result.Sent, result.OK
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
