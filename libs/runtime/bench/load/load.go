// Package load sends requests to a server and measures what comes back.
package load

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrShed is what a call returns that the server refused because it has too
// many.
var ErrShed = errors.New("refused by the server")

// longestWait bounds the wait for an answer where the caller sets no limit.
const longestWait = 30 * time.Second

// Call sends a request and waits for its answer.
type Call func(context.Context) error

// Result is what became of requests.
type Result struct {
	// Sent is the sum of OK, Shed and Failed.
	Sent, OK, Shed, Failed int
	// InTime is how many of OK were answered before the load ended.
	InTime int
	// Took is how long the load lasted.
	Took time.Duration
	// Err is one of the errors of Failed.
	Err error

	// latencies are those of OK.
	latencies []time.Duration
}

// PerSecond returns the number of good answers per second of load.
func (r *Result) PerSecond() float64 { return float64(r.InTime) / r.Took.Seconds() }

// Quantile returns the latency that a part of the good answers did not exceed.
func (r *Result) Quantile(part float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	slices.Sort(r.latencies)
	return r.latencies[min(int(part*float64(len(r.latencies))), len(r.latencies)-1)]
}

// add notes the end of a request.
func (r *Result) add(err error, took time.Duration, inTime bool) {
	r.Sent++
	switch {
	case err == nil:
		r.OK++
		r.latencies = append(r.latencies, took)
		if inTime {
			r.InTime++
		}
	case errors.Is(err, ErrShed):
		r.Shed++
	default:
		r.Failed++
		r.Err = err
	}
}

// Merge adds another result to this one.
func (r *Result) Merge(other *Result) {
	r.Sent, r.OK, r.Shed, r.Failed, r.InTime = r.Sent+other.Sent, r.OK+other.OK, r.Shed+other.Shed, r.Failed+other.Failed, r.InTime+other.InTime
	r.Took += other.Took
	r.latencies = append(r.latencies, other.latencies...)
	if other.Err != nil {
		r.Err = other.Err
	}
}

// Closed keeps a number of requests in flight for a time: each answer brings the
// next request, and everyone sends one at least. It stops at the first failure.
func Closed(ctx context.Context, concurrency int, duration time.Duration, call Call) *Result {
	// A deadline would be sent to the server, and change what it does.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(duration+longestWait, cancel).Stop()
	results := make([]Result, concurrency)
	var workers sync.WaitGroup
	begin := time.Now()
	for i := range results {
		workers.Go(func() {
			r := &results[i]
			for last := time.Now(); r.Sent == 0 || last.Sub(begin) < duration && r.Failed == 0 && ctx.Err() == nil; {
				err := call(ctx)
				now := time.Now()
				r.add(err, now.Sub(last), true)
				last = now
			}
		})
	}
	workers.Wait()
	took := time.Since(begin)
	sum := &Result{}
	for i := range results {
		sum.Merge(&results[i])
	}
	sum.Took = took
	return sum
}

// Open sends a number of requests per second for a time, whatever becomes of
// those that were sent before. A caller gives up when its patience ends.
func Open(ctx context.Context, perSecond int, duration, patience time.Duration, call Call) *Result {
	const tick = time.Millisecond
	sum := &Result{Took: duration}
	var mu sync.Mutex
	var callers sync.WaitGroup
	begin := time.Now()
	sent := 0
	for elapsed := time.Duration(0); elapsed < duration && ctx.Err() == nil; elapsed = time.Since(begin) {
		for due := int(float64(perSecond) * elapsed.Seconds()); sent < due; sent++ {
			callers.Go(func() {
				start := time.Now()
				patient, cancel := context.WithDeadline(ctx, start.Add(patience))
				defer cancel()
				err := call(patient)
				end := time.Now()
				mu.Lock()
				defer mu.Unlock()
				sum.add(err, end.Sub(start), end.Sub(begin) <= duration)
			})
		}
		time.Sleep(tick)
	}
	callers.Wait()
	return sum
}
