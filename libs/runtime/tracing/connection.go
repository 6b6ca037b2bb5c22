package tracing

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// connector makes each request over a connection of its own. For a request a
// second that is as good as keeping one: nothing gets stale, and many processes
// spread over the collectors behind a Service. http.Transport would do as well,
// but adds more to an image than all the rest of this package.
//
// It follows no redirects, because headers may hold credentials for the collector
// alone, and knows no proxies.
type connector struct {
	tls tls.Config
}

// RoundTrip makes a request and reads its answer, MaxAnswerBytes of it at most.
func (c *connector) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	conn, err := c.dial(ctx, request.URL)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", request.URL.Host, err)
	}
	defer conn.Close()
	// Whatever the connection is doing, it ends with the context.
	release := context.AfterFunc(ctx, func() { conn.Close() })
	defer release()
	request.Close = true
	// Those who do not want what is sent answer before they have read it, and that
	// breaks the writing off.
	writeErr := request.Write(conn)
	response, err := readResponse(bufio.NewReader(io.LimitReader(conn, MaxAnswerBytes)), request)
	switch {
	case err == nil:
		return response, nil
	case ctx.Err() != nil:
		err = ctx.Err()
	default:
		err = errors.Join(writeErr, err)
	}
	return nil, fmt.Errorf("asking %s: %w", request.URL.Host, err)
}

// dial opens a connection.
func (c *connector) dial(ctx context.Context, to *url.URL) (net.Conn, error) {
	port := to.Port()
	if to.Scheme == "https" {
		if port == "" {
			port = "443"
		}
		dialer := tls.Dialer{Config: &c.tls}
		return dialer.DialContext(ctx, "tcp", net.JoinHostPort(to.Hostname(), port))
	}
	if port == "" {
		port = "80"
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", net.JoinHostPort(to.Hostname(), port))
}

// readResponse reads an answer with its body.
func readResponse(from *bufio.Reader, request *http.Request) (*http.Response, error) {
	for {
		response, err := http.ReadResponse(from, request)
		if err != nil {
			return nil, fmt.Errorf("reading the answer: %w", err)
		}
		// An answer whose body breaks off is one still: its status is known.
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		// Informational answers come before the real one.
		if response.StatusCode >= http.StatusOK {
			response.Body = io.NopCloser(bytes.NewReader(body))
			return response, nil
		}
	}
}
