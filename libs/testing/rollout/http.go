package rollout

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Request is an HTTP request.
type Request struct {
	Method, Path string
	// Authorization is sent where it is not empty.
	Authorization string
	// Body is sent as JSON, in pieces.
	Body []string
	// Pause is the time before each piece.
	Pause time.Duration
	// Want is the status of the answer.
	Want int
}

func (r Request) length() int { return len(strings.Join(r.Body, "")) }

func (r Request) check(got int) error {
	if got != r.Want {
		return fmt.Errorf("the status is %d, want %d", got, r.Want)
	}
	return nil
}

// PooledHTTP returns a client with Go's default transport, which keeps
// connections alive and sends some requests again when one closes under them.
func PooledHTTP(addr string, request Request) Client {
	return &httpClient{addr, request, http.DefaultTransport.(*http.Transport).Clone()}
}

// NewConnectionHTTP returns a client that makes a connection for each request.
func NewConnectionHTTP(addr string, request Request) Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &httpClient{addr, request, transport}
}

type httpClient struct {
	addr      string
	request   Request
	transport *http.Transport
}

func (c *httpClient) Do(ctx context.Context) error {
	var body io.Reader
	if len(c.request.Body) > 0 {
		body = &trickle{pieces: slices.Clone(c.request.Body), pause: c.request.Pause}
	}
	request, err := http.NewRequestWithContext(ctx, c.request.Method, "http://"+c.addr+c.request.Path, body)
	if err != nil {
		return err
	}
	if body != nil {
		request.ContentLength = int64(c.request.length())
		request.Header.Set("Content-Type", "application/json")
	}
	if c.request.Authorization != "" {
		request.Header.Set("Authorization", c.request.Authorization)
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return c.request.check(response.StatusCode)
}

func (c *httpClient) Close() { c.transport.CloseIdleConnections() }

// trickle is a body that comes in pieces. It changes the slice that holds them.
type trickle struct {
	pieces []string
	pause  time.Duration
}

func (t *trickle) Read(buffer []byte) (int, error) {
	if len(t.pieces) == 0 {
		return 0, io.EOF
	}
	time.Sleep(t.pause)
	count := copy(buffer, t.pieces[0])
	if t.pieces[0] = t.pieces[0][count:]; t.pieces[0] == "" {
		t.pieces = t.pieces[1:]
	}
	return count, nil
}
