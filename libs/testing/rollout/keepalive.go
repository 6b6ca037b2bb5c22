package rollout

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// NeverRetries returns an HTTP client that keeps connections alive, uses the one
// again that was used last, and never sends a request twice: each error of a
// request is a failure. Like Go's transport, and any good client, it has a
// reader on each idle connection, so that one which the server has closed is not
// used again.
//
// A connection that was idle for longer than reuse is closed and not used again,
// as good clients do, unless reuse is 0. That matters: a server that stops has to
// close idle connections some time, and HTTP/1.1 has no way to tell in time a
// client that is just about to use one.
func NeverRetries(addr string, request Request, reuse time.Duration) Client {
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", request.Method, request.Path, addr)
	if len(request.Body) > 0 {
		fmt.Fprintf(&head, "Content-Type: application/json\r\nContent-Length: %d\r\n", request.length())
	}
	if request.Authorization != "" {
		fmt.Fprintf(&head, "Authorization: %s\r\n", request.Authorization)
	}
	head.WriteString("\r\n")
	return &neverRetries{addr: addr, request: request, reuse: reuse, head: head.String()}
}

type neverRetries struct {
	addr    string
	request Request
	reuse   time.Duration
	head    string

	mu sync.Mutex
	// idle is in the order in which the connections became idle.
	idle []*kept
}

// kept is a connection. Its reader delivers the answers.
type kept struct {
	net.Conn
	answers chan answer
	// since is when the connection became idle.
	since time.Time
	// closed is set when the connection cannot be used again. The client's mutex
	// guards it.
	closed bool
}

type answer struct {
	status int
	last   bool
	err    error
}

func (c *neverRetries) Do(ctx context.Context) error {
	k := c.take()
	reused := k != nil
	if !reused {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", c.addr)
		if err != nil {
			return err
		}
		k = &kept{Conn: conn, answers: make(chan answer, 1)}
		go c.read(k)
	}
	stop := context.AfterFunc(ctx, func() { _ = k.Close() })
	got, err := c.exchange(k)
	if !stop() && err == nil {
		// ctx has ended, and the connection with it.
		c.drop(k)
	}
	if err != nil {
		c.drop(k)
		_ = k.Close()
		return fmt.Errorf("on a connection that was used before: %t: %w", reused, err)
	}
	if !got.last {
		c.keep(k)
	}
	return c.request.check(got.status)
}

func (c *neverRetries) exchange(k *kept) (answer, error) {
	if _, err := io.WriteString(k, c.head); err != nil {
		return answer{}, fmt.Errorf("sending the request: %w", err)
	}
	for _, piece := range c.request.Body {
		time.Sleep(c.request.Pause)
		if _, err := io.WriteString(k, piece); err != nil {
			return answer{}, fmt.Errorf("sending the request's body: %w", err)
		}
	}
	got := <-k.answers
	if got.err != nil {
		return answer{}, fmt.Errorf("reading the answer: %w", got.err)
	}
	return got, nil
}

// read reads answers until the connection ends, whoever ends it.
func (c *neverRetries) read(k *kept) {
	defer k.Close()
	reader := bufio.NewReader(k)
	for {
		got := readAnswer(reader)
		if got.err != nil || got.last {
			c.drop(k)
		}
		select {
		case k.answers <- got:
		default:
			// Nobody waits: the connection was idle, or its request has failed.
		}
		if got.err != nil || got.last {
			return
		}
	}
}

func readAnswer(reader *bufio.Reader) answer {
	response, err := http.ReadResponse(reader, nil)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the server closed the connection")
	}
	if err != nil {
		return answer{err: err}
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return answer{err: err}
	}
	return answer{status: response.StatusCode, last: response.Close}
}

// take returns the idle connection that was used last, or nil.
func (c *neverRetries) take() *kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.reuse > 0 && len(c.idle) > 0 && time.Since(c.idle[0].since) > c.reuse {
		c.idle[0].closed = true
		_ = c.idle[0].Close()
		c.idle = c.idle[1:]
	}
	last := len(c.idle) - 1
	if last < 0 {
		return nil
	}
	k := c.idle[last]
	c.idle = c.idle[:last]
	return k
}

func (c *neverRetries) keep(k *kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !k.closed {
		k.since = time.Now()
		c.idle = append(c.idle, k)
	}
}

// drop keeps a connection from being used again.
func (c *neverRetries) drop(k *kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.closed = true
	c.idle = slices.DeleteFunc(c.idle, func(other *kept) bool { return other == k })
}

func (c *neverRetries) Close() {
	c.mu.Lock()
	idle := c.idle
	c.idle = nil
	c.mu.Unlock()
	for _, k := range idle {
		_ = k.Close()
	}
}
