package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// plan says how much is measured.
type plan struct {
	clients []int
	// rounds is how often each side has its turn, and turn how long that is.
	rounds int
	turn   time.Duration
	// tasks is how many can be claimed in a turn.
	tasks int
}

var (
	normalPlan = plan{clients: []int{1, 8, 64}, rounds: 5, turn: time.Second, tasks: 60_000}
	quickPlan  = plan{clients: []int{2}, rounds: 1, turn: 50 * time.Millisecond, tasks: 2_000}
)

// kinds are what is measured.
var kinds = []string{"read", "write", "claim"}

// operation does one thing once. What it does depends on n, of which each call has
// another.
type operation func(ctx context.Context, n int64) error

// measure measures both sides by turns, so that what else the machine does hits
// both of them.
func (p plan) measure(ctx context.Context, databaseURL string, say func(format string, args ...any)) (*report, error) {
	stage, err := newStage(ctx, databaseURL, slices.Max(p.clients))
	if err != nil {
		return nil, err
	}
	defer stage.close()
	r := &report{}
	for _, kind := range kinds {
		for _, clients := range p.clients {
			say("%s with %d clients", kind, clients)
			sides := map[string]operation{service: stage.service()[kind], direct: stage.direct()[kind]}
			runs := map[string]*sample{service: {}, direct: {}}
			for range p.rounds {
				for _, side := range []string{service, direct} {
					if err := stage.prepare(ctx, kind, p.tasks); err != nil {
						return nil, err
					}
					if err := runs[side].turn(ctx, clients, p.turn, sides[side]); err != nil {
						return nil, fmt.Errorf("%s with %d clients, %s: %w", kind, clients, side, err)
					}
				}
			}
			r.Results = append(r.Results, newResult(kind, clients, runs[service], runs[direct]))
		}
	}
	return r, nil
}

// sample is what came of one side's turns.
type sample struct {
	// next is the number of the next operation.
	next      int64
	latencies []time.Duration
	took      time.Duration
}

// turn lets clients do an operation over and over for a time.
func (r *sample) turn(ctx context.Context, clients int, length time.Duration, do operation) error {
	var lock sync.Mutex
	var running sync.WaitGroup
	var errs []error
	begin := time.Now()
	for client := range clients {
		running.Go(func() {
			var own []time.Duration
			var err error
			// Numbers of two clients, and of two turns, differ.
			for n := r.next + int64(client); err == nil && time.Since(begin) < length; n += int64(clients) {
				started := time.Now()
				err = do(ctx, n)
				own = append(own, time.Since(started))
			}
			lock.Lock()
			defer lock.Unlock()
			r.latencies = append(r.latencies, own...)
			errs = append(errs, err)
		})
	}
	running.Wait()
	r.took += time.Since(begin)
	r.next += int64(clients) * int64(len(r.latencies)+1)
	return errors.Join(errs...)
}

// perSecond is how many operations ended per second.
func (r *sample) perSecond() float64 { return float64(len(r.latencies)) / r.took.Seconds() }

// p99 is the time within which 99 of 100 operations ended, in milliseconds.
func (r *sample) p99() float64 {
	slices.Sort(r.latencies)
	return r.latencies[len(r.latencies)*99/100].Seconds() * 1000
}
