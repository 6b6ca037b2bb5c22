package tracing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Limits of the export.
const (
	// MaxQueue is how many spans wait for export at most.
	MaxQueue = 2048
	// MaxBatch is how many spans are sent at once at most.
	MaxBatch = 512
	// BatchInterval is how long a span waits for others to be sent with.
	BatchInterval = time.Second
	// MaxTries is how often a batch is sent until it is given up.
	MaxTries = 5
	// FirstPause is the time between the first two tries; each further one is
	// twice as long. Up to half of it is left off at random, so that processes do
	// not come back all at once.
	FirstPause = 500 * time.Millisecond
	// MaxRetryAfter is how long the collector may make a batch wait for its next
	// try.
	MaxRetryAfter = 30 * time.Second
	// MaxStopPause is the time between two tries while the process stops: better
	// to ask too early than not at all.
	MaxStopPause = 500 * time.Millisecond
	// MaxAnswerBytes is how much is read of what the collector says.
	MaxAnswerBytes = 64 << 10
)

// exporter sends spans to a collector.
type exporter struct {
	url     string
	header  http.Header
	timeout time.Duration
	// transport is a connector but for tests.
	transport http.RoundTripper
	log       *slog.Logger
	// head is what comes before the spans of every batch.
	head []byte
	// queue holds spans as they are sent, so that nothing of a request is kept.
	queue chan []byte
	// stopping is closed when what is queued should be sent at once.
	stopping <-chan struct{}
	// ctx ends when there is no more time even for that.
	ctx context.Context
	cut context.CancelFunc

	exported, dropped atomic.Uint64

	// started is set by whoever does the work, and done is closed at its end.
	started atomic.Bool
	done    chan struct{}
	// failing says how the last batch ended, and err what went wrong after a stop.
	// Only the one who works changes them.
	failing bool
	err     error
}

func newExporter(checked settings, resource []pair, version string, log *slog.Logger, stopping <-chan struct{}) *exporter {
	e := &exporter{
		url: checked.url, header: checked.header, timeout: checked.timeout, log: log,
		head:     appendHead(nil, resource, version),
		queue:    make(chan []byte, MaxQueue),
		stopping: stopping, transport: &connector{},
		done: make(chan struct{}),
	}
	if e.header.Get("User-Agent") == "" {
		e.header.Set("User-Agent", "soketsugo/"+version)
	}
	e.header.Set("Content-Type", "application/json")
	e.ctx, e.cut = context.WithCancel(context.Background())
	return e
}

// add queues a span, or drops it.
func (e *exporter) add(span Span, r Record) {
	// It may become full a moment later; this saves the work where the collector is
	// away.
	if len(e.queue) == cap(e.queue) || e.isStopping() {
		e.dropped.Add(1)
		return
	}
	const usual = 512 // bytes
	encoded := appendSpan(make([]byte, 0, usual), span, r)
	select {
	case e.queue <- encoded:
	default:
		e.dropped.Add(1)
	}
}

func (e *exporter) isStopping() bool {
	select {
	case <-e.stopping:
		return true
	default:
		return false
	}
}

func (e *exporter) stats() Stats {
	return Stats{Exported: e.exported.Load(), Dropped: e.dropped.Load(), Queued: len(e.queue)}
}

// work exports until there is nothing left to do after a stop. Whoever calls it
// while another one works waits for that one. The error is about what was left
// when the stop came.
func (e *exporter) work() error {
	if e.started.CompareAndSwap(false, true) {
		e.export()
		close(e.done)
	}
	<-e.done
	return e.err
}

func (e *exporter) export() {
	for batch := e.next(nil); len(batch) > 0; batch = e.next(batch[:0]) {
		err := e.send(batch)
		e.note(err)
		if err == nil || !e.isStopping() {
			continue
		}
		e.err = err
		if errors.Is(err, errGivingUp) {
			// The next batch would fare no better, and the process wants to end.
			e.dropRest()
			return
		}
	}
}

// next fills a batch. It is empty only after a stop, when nothing is left.
func (e *exporter) next(batch [][]byte) [][]byte {
	var full <-chan time.Time
	for len(batch) < MaxBatch {
		select {
		case span := <-e.queue:
			batch = append(batch, span)
			if full == nil {
				full = time.After(BatchInterval)
			}
			continue
		case <-full:
			return batch
		case <-e.stopping:
		}
		select {
		case span := <-e.queue:
			batch = append(batch, span)
		default:
			return batch
		}
	}
	return batch
}

func (e *exporter) dropRest() {
	for {
		select {
		case <-e.queue:
			e.dropped.Add(1)
		default:
			return
		}
	}
}

// note writes to the log when batches begin to fail and when they no longer do:
// not a line for each.
func (e *exporter) note(err error) {
	switch {
	case err != nil && !e.failing:
		e.log.Warn("cannot export spans", "error", err.Error())
	case err == nil && e.failing:
		e.log.Info("exporting spans again", "dropped", e.dropped.Load())
	}
	e.failing = err != nil
}

// errGivingUp says that a batch was lost to what may pass.
var errGivingUp = errors.New("giving up")

// send sends a batch, several times if need be, and counts what became of it.
func (e *exporter) send(batch [][]byte) error {
	body := append(bytes.Clone(e.head), bytes.Join(batch, []byte{','})...)
	body = append(body, tail...)
	pause := FirstPause
	for try := 1; ; try++ {
		refused, err := e.post(body)
		if err == nil {
			refused = min(refused, uint64(len(batch)))
			e.exported.Add(uint64(len(batch)) - refused)
			e.dropped.Add(refused)
			if refused > 0 {
				return fmt.Errorf("the collector refused %d of %d spans", refused, len(batch))
			}
			return nil
		}
		after, again := retry(err)
		if !again {
			e.dropped.Add(uint64(len(batch)))
			return fmt.Errorf("sending %d spans: %w", len(batch), err)
		}
		if try == MaxTries || e.ctx.Err() != nil {
			e.dropped.Add(uint64(len(batch)))
			return fmt.Errorf("sending %d spans, %d tries: %w: %w", len(batch), try, errGivingUp, err)
		}
		e.wait(max(after, pause/2+rand.N(pause/2)))
		pause *= 2
	}
}

// wait waits before the next try. A stop cuts it short.
func (e *exporter) wait(pause time.Duration) {
	stopping := e.stopping
	if e.isStopping() {
		pause, stopping = min(pause, MaxStopPause), nil
	}
	select {
	case <-time.After(pause):
	case <-stopping:
	case <-e.ctx.Done():
	}
}

// post sends a batch once. It returns how many spans the collector refused of a
// batch that it took.
func (e *exporter) post(body []byte) (refused uint64, err error) {
	ctx, cancel := context.WithTimeout(e.ctx, e.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header = e.header.Clone()
	response, err := e.transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswerBytes))
	if err != nil {
		return 0, fmt.Errorf("reading the answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return 0, statusError{code: response.StatusCode, after: retryAfter(response.Header.Get("Retry-After"))}
	}
	return refusedBy(answer), nil
}

// refusedBy reads how many spans a collector refused of a batch that it took.
// What it says beside that stays out of the log: nobody knows what it repeats.
func refusedBy(answer []byte) uint64 {
	var parsed struct {
		PartialSuccess struct {
			// Text in the JSON form of Protocol Buffers, but a number will do.
			RejectedSpans json.Number `json:"rejectedSpans"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &parsed) != nil {
		return 0
	}
	refused, err := strconv.ParseUint(parsed.PartialSuccess.RejectedSpans.String(), 10, 64)
	if err != nil {
		return 0
	}
	return refused
}

// statusError is an answer of the collector that is no success.
type statusError struct {
	code  int
	after time.Duration
}

// Error leaves the answer's text out, for the same reason.
func (s statusError) Error() string {
	return fmt.Sprintf("the collector answered %d %s", s.code, http.StatusText(s.code))
}

// retry says whether a batch should be sent again, and how long the collector
// wants to be left alone before. OTLP names the answers that may pass; a
// connection that fails may pass as well.
func retry(err error) (after time.Duration, again bool) {
	var answered statusError
	if !errors.As(err, &answered) {
		return 0, true
	}
	switch answered.code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return answered.after, true
	}
	return 0, false
}

// retryAfter reads the header of that name, which holds seconds or a date.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, MaxRetryAfter)
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(date), 0), MaxRetryAfter)
	}
	return 0
}
