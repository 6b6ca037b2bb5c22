package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// HTTP is a client that does as little as it can, so that the server is what is
// measured: net/http's own takes longer than the server does.
type HTTP struct {
	addr string
	mu   sync.Mutex
	idle []*httpConn
}

// NewHTTP returns a client without connections. It opens as many as there are
// requests at once.
func NewHTTP(addr string) *HTTP { return &HTTP{addr: addr} }

func (c *HTTP) request(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + c.addr + "\r\nUser-Agent: bench\r\n\r\n")
}

// Call returns a call that gets a path.
func (c *HTTP) Call(path string) Call {
	request := c.request(path)
	return func(ctx context.Context) error {
		conn, err := c.take(ctx)
		if err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		deadline, has := ctx.Deadline()
		if !has {
			deadline = time.Now().Add(longestWait)
		}
		answer, err := conn.exchange(request, deadline)
		if err != nil {
			conn.Close()
			return fmt.Errorf("getting %s: %w", path, err)
		}
		c.release(conn, answer)
		return answer.err()
	}
}

// Closed does what the function of that name does with Call, but never sleeps. A
// client that sleeps must be woken by the server, which takes the server time,
// and happens the more often the slower the server is: what a server takes for
// itself would count twice.
func (c *HTTP) Closed(ctx context.Context, path string, concurrency int, duration time.Duration) *Result {
	result, request := &Result{}, c.request(path)
	begin := time.Now()
	waiting := make([]*httpConn, concurrency)
	for i := range waiting {
		conn, err := c.take(ctx)
		if err == nil {
			err = conn.send(request, begin.Add(duration+longestWait))
		}
		if err != nil {
			result.add(fmt.Errorf("connecting: %w", err), 0, true)
			return result
		}
		waiting[i] = conn
	}
	for left := concurrency; left > 0; {
		for i, conn := range waiting {
			if conn == nil {
				continue
			}
			answer, ok, err := conn.poll()
			if !ok && err == nil {
				continue
			}
			now := time.Now()
			took := now.Sub(conn.sent)
			over := now.Sub(begin) >= duration || result.Failed > 0 || ctx.Err() != nil
			if err == nil {
				err = answer.err()
			}
			if err == nil && !over && answer.keep {
				err = conn.send(request, begin.Add(duration+longestWait))
			} else {
				waiting[i] = nil
				left--
				c.release(conn, answer)
			}
			result.add(err, took, true)
		}
	}
	result.Took = time.Since(begin)
	return result
}

// Close closes the connections that are not in use.
func (c *HTTP) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.idle {
		conn.Close()
	}
	c.idle = nil
}

// take returns the connection that was used last, or a new one.
func (c *HTTP) take(ctx context.Context) (*httpConn, error) {
	c.mu.Lock()
	if last := len(c.idle) - 1; last >= 0 {
		conn := c.idle[last]
		c.idle = c.idle[:last]
		c.mu.Unlock()
		return conn, nil
	}
	c.mu.Unlock()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return nil, err
	}
	return &httpConn{TCPConn: conn.(*net.TCPConn)}, nil
}

// release gives a connection back after an answer.
func (c *HTTP) release(conn *httpConn, last answer) {
	if !last.keep {
		conn.Close()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, conn)
}
