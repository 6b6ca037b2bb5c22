package rollout

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

const (
	// requestTimeout bounds a request. One that reaches it has failed.
	requestTimeout = 15 * time.Second
	// maxInFlight bounds the requests of a Load that wait for their answer.
	maxInFlight = 1000
	// keptErrors is how many errors a Result holds.
	keptErrors = 5
)

// Client makes requests of one kind. It is safe for concurrent use.
type Client interface {
	// Do makes one request and returns nil when it got its answer. It returns soon
	// after ctx ends.
	Do(ctx context.Context) error
	// Close gives back what the client holds. No request is in flight then.
	Close()
}

// Result is what came of the requests of one kind of client.
type Result struct {
	Kind string
	// Sent is the sum of OK and Failed. Of streams it counts those that were
	// opened; OK are those that ended as they should, or with the load.
	Sent, OK, Failed int
	// Answers is how many times were measured: one for each request that was
	// answered, or for each message.
	Answers int
	// P50, P99 and Max are about these times, from when a request was due.
	P50, P99, Max time.Duration
	// Errors are the first few.
	Errors []string
}

// Load makes requests until it is stopped.
type Load struct {
	kind    string
	cancel  context.CancelFunc
	working sync.WaitGroup
	// finish gives back what the load holds.
	finish func()

	mu     sync.Mutex
	result Result
	took   []time.Duration
}

// Start makes one request with client at every interval, however long the others
// take, as many independent callers do. The client is closed with the load.
func Start(kind string, interval time.Duration, client Client) *Load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{kind: kind, cancel: cancel, finish: client.Close}
	l.working.Go(func() { l.generate(ctx, interval, client) })
	return l
}

// Stop makes no more requests, waits for those in flight, and returns what came
// of all.
func (l *Load) Stop() Result {
	l.cancel()
	l.working.Wait()
	l.finish()
	return l.Result()
}

// Result returns what came of the requests so far.
func (l *Load) Result() Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	result := l.result
	result.Kind, result.Errors = l.kind, slices.Clone(result.Errors)
	result.Sent, result.Answers = result.OK+result.Failed, len(l.took)
	sorted := slices.Sorted(slices.Values(l.took))
	if len(sorted) > 0 {
		result.P50, result.P99 = sorted[len(sorted)/2], sorted[len(sorted)*99/100]
		result.Max = sorted[len(sorted)-1]
	}
	return result
}

func (l *Load) generate(ctx context.Context, interval time.Duration, client Client) {
	slots := make(chan struct{}, maxInFlight)
	for due := time.Now(); ; due = due.Add(interval) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
		}
		select {
		case slots <- struct{}{}:
		default:
			l.failed(fmt.Errorf("%d requests wait for their answers already", maxInFlight))
			continue
		}
		l.working.Go(func() {
			defer func() { <-slots }()
			// Not ctx: the end of the load is no reason to give up.
			limited, cancel := context.WithTimeout(context.Background(), requestTimeout)
			defer cancel()
			if err := client.Do(limited); err != nil {
				l.failed(err)
				return
			}
			l.succeeded()
			l.answered(time.Since(due))
		})
	}
}

// InTurn returns a client that makes its requests with others, one after the
// other: each of them is used more seldom.
func InTurn(clients ...Client) Client { return &inTurn{clients: clients} }

type inTurn struct {
	clients []Client
	next    atomic.Uint64
}

func (c *inTurn) Do(ctx context.Context) error {
	return c.clients[c.next.Add(1)%uint64(len(c.clients))].Do(ctx)
}

func (c *inTurn) Close() {
	for _, client := range c.clients {
		client.Close()
	}
}

func (l *Load) succeeded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.result.OK++
}

func (l *Load) answered(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, took)
}

func (l *Load) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.result.Failed++
	if len(l.result.Errors) < keptErrors {
		l.result.Errors = append(l.result.Errors, time.Now().Format("15:04:05.000 ")+err.Error())
	}
}

// Table writes results as a table for people.
func Table(to io.Writer, results []Result) {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight|tabwriter.Debug)
	fmt.Fprintln(table, "client\tsent\tfailed\tanswers\tp50\tp99\tmax\t")
	for _, r := range results {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t\n", r.Kind, r.Sent, r.Failed, r.Answers,
			short(r.P50), short(r.P99), short(r.Max))
	}
	// What cannot be written is not read.
	_ = table.Flush()
}

func short(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
