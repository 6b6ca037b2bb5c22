package httpserver

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"

	"github.com/soketsugo/soketsugo/libs/runtime/health"
)

// recorder remembers what was answered, and says in each answer of a process
// that is draining that its connection is not to be used again. It looks when
// the answer begins, not when the request did: what was in flight at SIGTERM
// must say it too.
type recorder struct {
	http.ResponseWriter
	state  *health.State
	status int
	bytes  int64
	// broken says that the answer is not whole.
	broken bool
	// attributes and id are room for what every request has: its part of the line
	// in the log, and the header with its ID.
	attributes [3]slog.Attr
	id         [1]string
}

// WriteHeader notes the status. Informational ones come before the real one.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.begin(status)
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) begin(status int) {
	r.status = status
	if r.state.Draining() {
		r.Header().Set("Connection", "close")
	}
}

// Write notes the size.
func (r *recorder) Write(data []byte) (int, error) {
	if r.status == 0 {
		r.begin(http.StatusOK)
	}
	count, err := r.ResponseWriter.Write(data)
	r.bytes += int64(count)
	return count, err
}

// Flush sends what has been written so far.
func (r *recorder) Flush() {
	if r.status == 0 {
		r.begin(http.StatusOK)
	}
	// net/http's own writer can always be flushed.
	_ = http.NewResponseController(r.ResponseWriter).Flush()
}

// Hijack hands the connection over. The server waits for its end while it
// drains; requests.From(ctx).Leaving says when that is asked for.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil {
		r.status = http.StatusSwitchingProtocols
	}
	return conn, buffered, err
}

// Unwrap gives http.ResponseController the way to deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
