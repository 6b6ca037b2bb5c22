package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// httpConn is a connection with what has arrived of an answer.
type httpConn struct {
	*net.TCPConn
	sent   time.Time
	buffer [2 << 10]byte
	length int
}

// answer is what matters of one.
type answer struct {
	status int
	// keep says whether the connection can be used again.
	keep bool
}

func (a answer) err() error {
	switch a.status {
	case http.StatusOK:
		return nil
	case http.StatusServiceUnavailable:
		return ErrShed
	}
	return fmt.Errorf("the answer has status %d", a.status)
}

// send sends a request, which is to be answered by a deadline.
func (c *httpConn) send(request []byte, deadline time.Time) error {
	c.sent, c.length = time.Now(), 0
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	_, err := c.Write(request)
	return err
}

// exchange sends a request and waits for the answer.
func (c *httpConn) exchange(request []byte, deadline time.Time) (answer, error) {
	if err := c.send(request, deadline); err != nil {
		return answer{}, err
	}
	for {
		count, err := c.Read(c.buffer[c.length:])
		if err != nil {
			return answer{}, err
		}
		c.length += count
		if a, ok, err := parse(c.buffer[:c.length]); ok || err != nil {
			return a, err
		}
	}
}

// poll returns true when the answer is there. It does not wait.
func (c *httpConn) poll() (answer, bool, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return answer{}, false, err
	}
	count := 0
	var readErr error
	if err := raw.Read(func(fd uintptr) bool {
		count, readErr = syscall.Read(int(fd), c.buffer[c.length:])
		return true
	}); err != nil {
		return answer{}, false, err
	}
	switch {
	case errors.Is(readErr, syscall.EAGAIN) || errors.Is(readErr, syscall.EINTR):
		return answer{}, false, nil
	case readErr != nil:
		return answer{}, false, readErr
	case count == 0:
		return answer{}, false, io.ErrUnexpectedEOF
	}
	c.length += count
	return parse(c.buffer[:c.length])
}

// parse returns false when an answer is not whole yet. It knows what our servers
// send, not all of HTTP.
func parse(data []byte) (answer, bool, error) {
	head, body, ok := bytes.Cut(data, []byte("\r\n\r\n"))
	if !ok {
		return answer{}, false, nil
	}
	length, err := 0, error(nil)
	a := answer{keep: true}
	first, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if len(first) < len("HTTP/1.1 200") {
		return answer{}, false, fmt.Errorf("the answer begins with %q", first)
	}
	if a.status, err = strconv.Atoi(string(first[9:12])); err != nil {
		return answer{}, false, fmt.Errorf("the answer begins with %q", first)
	}
	if _, value, found := bytes.Cut(rest, []byte("Content-Length: ")); found {
		value, _, _ = bytes.Cut(value, []byte("\r\n"))
		if length, err = strconv.Atoi(string(value)); err != nil {
			return answer{}, false, fmt.Errorf("reading the length of the answer: %w", err)
		}
	}
	a.keep = !bytes.Contains(rest, []byte("Connection: close"))
	return a, len(body) >= length, nil
}
