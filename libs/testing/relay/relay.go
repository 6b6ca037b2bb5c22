// Package relay stands between a client and a server and passes their bytes on.
// It can be slow, freeze, and cut connections, as a network or an overloaded
// dependency does.
package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a connection that can be closed in one direction. TCP and Unix
// connections are.
type Conn interface {
	net.Conn
	CloseWrite() error
}

// Relay listens on a free port of 127.0.0.1. It is safe for concurrent use.
type Relay struct {
	listener *net.TCPListener
	dial     func(context.Context) (Conn, error)
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	delay    atomic.Int64

	mu    sync.Mutex
	pairs map[*pair]struct{}
	// thawed is closed, except while the relay is frozen.
	thawed chan struct{}
}

// pair is a connection of a client and the one that serves it.
type pair struct{ client, target Conn }

// Listen returns a relay that calls dial for each connection. When that fails,
// the client's connection is reset.
func Listen(dial func(context.Context) (Conn, error)) (*Relay, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("opening the relay's listener: %w", err)
	}
	r := &Relay{listener: listener, dial: dial, pairs: map[*pair]struct{}{}, thawed: make(chan struct{})}
	close(r.thawed)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.running.Go(r.accept)
	return r, nil
}

// Addr returns the address to connect to.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Delay makes each piece of what servers send arrive later, as if they worked
// on it.
func (r *Relay) Delay(by time.Duration) { r.delay.Store(int64(by)) }

// Freeze lets nothing through any more: connections stay open, new ones are
// accepted, and nobody answers.
func (r *Relay) Freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.thawed:
		r.thawed = make(chan struct{})
	default:
	}
}

// Thaw ends Freeze. What was held up arrives.
func (r *Relay) Thaw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.thawed:
	default:
		close(r.thawed)
	}
}

// Cut resets all connections. New ones can be made.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		p.reset()
	}
}

// Close refuses new connections, resets those that are open, and waits until
// nothing of the relay is left.
func (r *Relay) Close() {
	r.cancel()
	// It can only fail because it is closed already.
	_ = r.listener.Close()
	r.Cut()
	r.running.Wait()
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// A client that is gone already, or no descriptor left: neither lasts.
			time.Sleep(time.Millisecond)
			continue
		}
		r.running.Go(func() { r.serve(client) })
	}
}

// serve connects a client and copies in both directions until both are done.
func (r *Relay) serve(client *net.TCPConn) {
	defer client.Close()
	if !r.pass() {
		return
	}
	target, err := r.dial(r.ctx)
	if err != nil {
		reset(client)
		return
	}
	defer target.Close()
	p := &pair{client, target}
	r.mu.Lock()
	r.pairs[p] = struct{}{}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.pairs, p)
	}()
	if r.ctx.Err() != nil {
		p.reset()
	}
	var copying sync.WaitGroup
	copying.Go(func() { r.copy(p, target, client, false) })
	r.copy(p, client, target, true)
	copying.Wait()
}

// copy passes on bytes, the end of a stream as such, and a reset as a reset. So
// nothing is lost that would have arrived without a relay.
func (r *Relay) copy(p *pair, to, from Conn, late bool) {
	buffer := make([]byte, 16<<10)
	for {
		count, err := from.Read(buffer)
		if delay := time.Duration(r.delay.Load()); late && delay > 0 {
			time.Sleep(delay)
		}
		if !r.pass() {
			p.reset()
			return
		}
		if count > 0 {
			if _, err := to.Write(buffer[:count]); err != nil {
				p.reset()
				return
			}
		}
		if errors.Is(err, io.EOF) {
			// It can fail only because nobody listens there any more.
			_ = to.CloseWrite()
			return
		}
		if err != nil {
			p.reset()
			return
		}
	}
}

// pass waits while the relay is frozen. It returns false when the relay closes.
func (r *Relay) pass() bool {
	r.mu.Lock()
	thawed := r.thawed
	r.mu.Unlock()
	select {
	case <-thawed:
		return true
	case <-r.ctx.Done():
		return false
	}
}

func (p *pair) reset() {
	reset(p.client)
	reset(p.target)
}

// reset closes a connection so that the other side sees a reset where the
// protocol knows one.
func reset(conn Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
