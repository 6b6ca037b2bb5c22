// Package rollout replaces the replicas of a real binary one by one, as a
// Deployment in Kubernetes does, behind a proxy that stands in for its Service,
// and counts what many kinds of clients lose of it.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/soketsugo/soketsugo/libs/testing/relay"
)

const (
	// pollInterval is how often a Proxy asks a backend whether it is ready.
	pollInterval = 20 * time.Millisecond
	// pollTimeout is long: a machine that is busy must not look like a backend that
	// is not ready.
	pollTimeout = 2 * time.Second
)

// Proxy stands in for a Service with kube-proxy: new connections go to the
// backends that are listed, in turn, and stay there, whatever becomes of the
// backend's readiness. When the backend of its turn refuses, a connection is
// reset, as there is nobody in Kubernetes who would try another one.
type Proxy struct {
	relay  *relay.Relay
	lag    time.Duration
	probes *http.Client

	ctx       context.Context
	cancel    context.CancelFunc
	following sync.WaitGroup

	mu     sync.Mutex
	listed []*Backend
	turn   int
	latest time.Duration

	accepted, refused atomic.Int64
}

// NewProxy returns a proxy without backends. lag is the time from a backend's
// loss of readiness until new connections no longer go to it.
func NewProxy(lag time.Duration) (*Proxy, error) {
	p := &Proxy{lag: lag, probes: &http.Client{Transport: &http.Transport{}, Timeout: pollTimeout}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	var err error
	if p.relay, err = relay.Listen(p.connect); err != nil {
		p.cancel()
		return nil, err
	}
	return p, nil
}

// Addr returns the address that clients connect to.
func (p *Proxy) Addr() string { return p.relay.Addr() }

// Connections says how many connections clients made, and how many of them found
// no backend.
func (p *Proxy) Connections() (accepted, refused int64) { return p.accepted.Load(), p.refused.Load() }

// Latest returns the longest time that a backend stayed listed after Forget. It
// is a little more than the lag, and much more on a machine that is too busy for
// what is measured.
func (p *Proxy) Latest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest
}

func (p *Proxy) unlisted(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = max(p.latest, after)
}

// Close ends all connections.
func (p *Proxy) Close() {
	p.cancel()
	p.relay.Close()
	p.following.Wait()
	p.probes.CloseIdleConnections()
}

// connect connects to the backend whose turn it is.
func (p *Proxy) connect(ctx context.Context) (relay.Conn, error) {
	p.accepted.Add(1)
	backend := p.next()
	if backend == nil {
		p.refused.Add(1)
		return nil, errors.New("no backend is listed")
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", backend.addr)
	if err != nil {
		p.refused.Add(1)
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

func (p *Proxy) next() *Backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.listed) == 0 {
		return nil
	}
	p.turn++
	return p.listed[p.turn%len(p.listed)]
}

// Backend is an address behind a Proxy.
type Backend struct {
	proxy *Proxy
	addr  string
	probe string
	once  sync.Once
	ready chan struct{}
	// left is when Forget was called.
	left atomic.Pointer[time.Time]
}

// Add makes the proxy follow the readiness of an address, which it learns from
// the URL probe: it is listed as soon as that answers 200.
func (p *Proxy) Add(addr, probe string) *Backend {
	b := &Backend{proxy: p, addr: addr, probe: probe, ready: make(chan struct{})}
	p.following.Go(b.follow)
	return b
}

// Listed waits until connections have begun to go to the backend.
func (b *Backend) Listed(ctx context.Context) error {
	select {
	case <-b.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting until %s is listed: %w", b.addr, ctx.Err())
	}
}

// Forget says that the backend is told to stop now, and will not come back. It
// stays listed until it is not ready and the lag has passed, like any other.
func (b *Backend) Forget() {
	now := time.Now()
	b.left.CompareAndSwap(nil, &now)
}

func (b *Backend) follow() {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var lost time.Time
	for {
		switch ready := b.isReady(); {
		case ready:
			lost = time.Time{}
			b.list()
			b.once.Do(func() { close(b.ready) })
		case lost.IsZero():
			lost = time.Now()
		}
		if !lost.IsZero() && time.Since(lost) >= b.proxy.lag {
			b.unlist()
			if left := b.left.Load(); left != nil {
				b.proxy.unlisted(time.Since(*left))
				return
			}
		}
		select {
		case <-tick.C:
		case <-b.proxy.ctx.Done():
			return
		}
	}
}

func (b *Backend) isReady() bool {
	request, err := http.NewRequestWithContext(b.proxy.ctx, http.MethodGet, b.probe, nil)
	if err != nil {
		return false
	}
	response, err := b.proxy.probes.Do(request)
	if err != nil {
		return false
	}
	// The body is short; what is left of it is not needed.
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (b *Backend) list() {
	b.proxy.mu.Lock()
	defer b.proxy.mu.Unlock()
	if !slices.Contains(b.proxy.listed, b) {
		b.proxy.listed = append(b.proxy.listed, b)
	}
}

func (b *Backend) unlist() {
	b.proxy.mu.Lock()
	defer b.proxy.mu.Unlock()
	b.proxy.listed = slices.DeleteFunc(b.proxy.listed, func(other *Backend) bool { return other == b })
}
