package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// server is where databases come from.
type server interface {
	Create(ctx context.Context, name string) (databaseURL string, err error)
	Drop(ctx context.Context, name string) error
}

// plan says what is measured.
type plan struct {
	// rounds is how often, for each number of files.
	rounds []rounds
	// crowds is the same for many runners at once.
	crowds []rounds
	// runners is how many they are.
	runners int
	// all says that the crowds of the other engines are measured too.
	all bool
}

type rounds struct{ files, count int }

var (
	normalPlan = plan{
		rounds:  []rounds{{1, 41}, {100, 21}, {1000, 9}},
		crowds:  []rounds{{5, 21}, {100, 11}},
		runners: 10,
	}
	quickPlan = plan{
		rounds:  []rounds{{1, 1}, {10, 1}},
		crowds:  []rounds{{5, 1}},
		runners: 10,
	}
)

// settle is how long the server has for what it does after it made a database,
// so that the first statements do not compete with that.
const settle = 50 * time.Millisecond

// bench measures engines on one server.
type bench struct {
	server server
	say    func(format string, args ...any)
	// databases counts those that were made.
	databases int
}

// measure carries a plan out.
func (b *bench) measure(ctx context.Context, p plan) (*report, error) {
	r := &report{}
	for _, rounds := range p.rounds {
		b.say("%d files, %d rounds", rounds.files, rounds.count)
		runs, err := b.compare(ctx, rounds)
		if err != nil {
			return nil, err
		}
		r.Runs = append(r.Runs, runs...)
	}
	for i, engine := range engines() {
		if i > 0 && !p.all {
			break
		}
		for _, rounds := range p.crowds {
			b.say("%d files, %d runners of %s at once, %d rounds", rounds.files, p.runners, engine.name, rounds.count)
			crowd, err := b.crowd(ctx, engine, p.runners, rounds)
			if err != nil {
				return nil, err
			}
			r.Crowds = append(r.Crowds, crowd)
		}
	}
	return r, nil
}

// compare measures the engines by turns, so that what else the machine does
// hits all of them.
func (b *bench) compare(ctx context.Context, rounds rounds) ([]comparison, error) {
	files, engines := newFiles(rounds.files), engines()
	up := comparison{Files: rounds.files, Rounds: rounds.count, Kind: "up", Milliseconds: map[string]float64{}}
	idle := comparison{Files: rounds.files, Rounds: rounds.count, Kind: "nothing to do", Milliseconds: map[string]float64{}}
	ups, idles := map[string][]time.Duration{}, map[string][]time.Duration{}
	for range rounds.count {
		// Each round has an order of its own: what one engine leaves the server to do
		// must not always hit the same other one.
		for _, i := range rand.Perm(len(engines)) {
			engine := engines[i]
			err := b.withDatabase(ctx, func(databaseURL string) error {
				for _, times := range []map[string][]time.Duration{ups, idles} {
					took, err := timed(func() error { return engine.up(ctx, databaseURL, files) })
					if err != nil {
						return fmt.Errorf("%s with %d files: %w", engine.name, rounds.files, err)
					}
					times[engine.name] = append(times[engine.name], took)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	for _, engine := range engines {
		up.Milliseconds[engine.name] = median(ups[engine.name])
		idle.Milliseconds[engine.name] = median(idles[engine.name])
	}
	return []comparison{up, idle}, nil
}

// crowd measures many runners of one engine at once, and one alone, by turns.
func (b *bench) crowd(ctx context.Context, engine engine, runners int, rounds rounds) (crowd, error) {
	files := newFiles(rounds.files)
	times := map[int][]time.Duration{}
	for range rounds.count {
		for _, n := range []int{1, runners} {
			err := b.withDatabase(ctx, func(databaseURL string) error {
				errs := make([]error, n)
				took, err := timed(func() error {
					var running sync.WaitGroup
					for i := range n {
						running.Go(func() { errs[i] = engine.up(ctx, databaseURL, files) })
					}
					running.Wait()
					return errors.Join(errs...)
				})
				times[n] = append(times[n], took)
				return err
			})
			if err != nil {
				return crowd{}, fmt.Errorf("%d runners of %s with %d files: %w", n, engine.name, rounds.files, err)
			}
		}
	}
	one, all := median(times[1]), median(times[runners])
	return crowd{
		Files: rounds.files, Rounds: rounds.count, Engine: engine.name, Runners: runners,
		One: one, All: all, Ratio: all / one,
	}, nil
}

// withDatabase does work on a new database.
func (b *bench) withDatabase(ctx context.Context, work func(databaseURL string) error) (err error) {
	b.databases++
	name := fmt.Sprintf("bench_%d", b.databases)
	databaseURL, err := b.server.Create(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.server.Drop(ctx, name)) }()
	time.Sleep(settle)
	return work(databaseURL)
}

func timed(work func() error) (time.Duration, error) {
	begin := time.Now()
	err := work()
	return time.Since(begin), err
}

// median returns the middle one in milliseconds.
func median(times []time.Duration) float64 {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2].Seconds() * 1000
}
