package httpserver

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// connections are those of a server, so that the drain can close exactly those
// on which nothing is under way. net/http's own Shutdown closes a connection as
// idle until it has read all headers of a request, and so drops requests that
// have arrived; clients that never retry see an error then.
type connections struct {
	net.Listener
	mu  sync.Mutex
	all map[*connection]struct{}
}

func track(listener net.Listener) *connections {
	return &connections{Listener: listener, all: map[*connection]struct{}{}}
}

// Accept returns the next connection, which is in the set until it is closed.
func (s *connections) Accept() (net.Conn, error) {
	accepted, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: accepted, set: s, since: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[c] = struct{}{}
	return c, nil
}

// snapshot returns the connections that are open now.
func (s *connections) snapshot() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := make([]*connection, 0, len(s.all))
	for c := range s.all {
		open = append(open, c)
	}
	return open
}

// use is what a connection is used for.
type use int32

const (
	// silent: nothing has arrived yet.
	silent use = iota
	// busy: a request has begun to arrive and is not answered yet.
	busy
	// idle: the last request has its answer.
	idle
	// hijacked: a handler took the connection over.
	hijacked
)

// connection knows what it is used for.
type connection struct {
	net.Conn
	set   *connections
	since time.Time
	use   atomic.Int32
	// answered is when it became idle, as nanoseconds since 1970.
	answered atomic.Int64
}

// Read notes the first byte of a request.
func (c *connection) Read(buffer []byte) (int, error) {
	count, err := c.Conn.Read(buffer)
	if count > 0 && use(c.use.Load()) != hijacked {
		c.use.Store(int32(busy))
	}
	return count, err
}

// Close takes the connection out of the set.
func (c *connection) Close() error {
	c.set.mu.Lock()
	delete(c.set.all, c)
	c.set.mu.Unlock()
	return c.Conn.Close()
}

// observe is http.Server's ConnState.
func observe(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*connection)
	if !ok {
		return
	}
	switch state {
	case http.StateIdle:
		c.answered.Store(time.Now().UnixNano())
		c.use.Store(int32(idle))
	case http.StateHijacked:
		c.use.Store(int32(hijacked))
	}
}

// connectionKey is the key of a connection in the contexts of its requests.
type connectionKey struct{}

// connected is http.Server's ConnContext.
func connected(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// occupy notes a request of which nothing was seen to arrive: net/http had read it
// together with the one before.
func occupy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
			c.use.Store(int32(busy))
		}
		next.ServeHTTP(w, r)
	})
}

// unused says whether nothing is under way on the connection, nor has arrived
// without having been read.
func (c *connection) unused() bool {
	// The order matters: what is read in between makes the connection busy.
	if hasUnread(c.Conn) {
		return false
	}
	switch use(c.use.Load()) {
	case idle:
		return time.Since(time.Unix(0, c.answered.Load())) >= nextRequest
	case silent:
		return time.Since(c.since) >= newConnection
	default:
		return false
	}
}
