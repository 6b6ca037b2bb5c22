package compression

import (
	"bufio"
	"compress/gzip"
	"net"
	"net/http"
	"strings"
)

// level is the fastest: it makes 2.2 kB of a list of 13 kB. The usual one makes
// 2.0 kB of it and takes four times as long.
const level = gzip.BestSpeed

// writer holds the beginning of an answer back until it is known whether to
// compress it.
type writer struct {
	http.ResponseWriter
	handler *handler
	// seen is the request's If-None-Match as it came.
	seen string
	// status is 0 until the handler has said it.
	status int
	// decided says that the answer's head has been sent, and held is empty.
	decided bool
	held    []byte
	// gzip is nil for an answer that is sent as it is.
	gzip *gzip.Writer
}

// WriteHeader notes the status. Informational ones come before the real one.
func (w *writer) WriteHeader(status int) {
	if status < http.StatusOK || w.status != 0 {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.status = status
	header := w.Header()
	if status == http.StatusNotModified {
		w.tagAsSeen(header)
	}
	if bodiless(status) || !worthwhile(header) {
		w.begin()
	}
}

// Write sends data, or keeps it for a while.
func (w *writer) Write(data []byte) (int, error) {
	if w.status == 0 {
		if w.Header()["Content-Type"] == nil {
			// net/http would look at the compressed bytes.
			w.Header().Set("Content-Type", http.DetectContentType(data))
		}
		w.WriteHeader(http.StatusOK)
	}
	if !w.decided {
		if len(w.held)+len(data) < smallest {
			w.held = append(w.held, data...)
			return len(data), nil
		}
		w.compress()
		if err := w.release(); err != nil {
			return 0, err
		}
	}
	if w.gzip != nil {
		return w.gzip.Write(data)
	}
	return w.ResponseWriter.Write(data)
}

// Flush sends what has been written so far. An answer that is still small by then
// is sent as it is.
func (w *writer) Flush() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.settle()
	if w.gzip != nil {
		// What is wrong shows again in the next write.
		_ = w.gzip.Flush()
	}
	// net/http's own writer can always be flushed.
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack hands the connection over.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap gives http.ResponseController the way to deadlines.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish sends what is left.
func (w *writer) finish() {
	if w.status == 0 {
		return
	}
	w.settle()
	if w.gzip != nil {
		// A client that went away cannot be told so.
		_ = w.gzip.Close()
		w.handler.gzips.Put(w.gzip)
	}
}

// settle sends an answer as it is that is small so far.
func (w *writer) settle() {
	if !w.decided {
		w.begin()
		// What is wrong shows again in the next write.
		_ = w.release()
	}
}

// begin sends the head of the answer.
func (w *writer) begin() {
	w.decided = true
	w.ResponseWriter.WriteHeader(w.status)
}

// compress begins a compressed answer.
func (w *writer) compress() {
	header := w.Header()
	header.Del("Content-Length")
	header.Set("Content-Encoding", "gzip")
	if tag := header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		header.Set("ETag", strings.TrimSuffix(tag, `"`)+suffix+`"`)
	}
	w.begin()
	if pooled, ok := w.handler.gzips.Get().(*gzip.Writer); ok {
		pooled.Reset(w.ResponseWriter)
		w.gzip = pooled
		return
	}
	// It fails for an unknown level alone.
	w.gzip, _ = gzip.NewWriterLevel(w.ResponseWriter, level)
}

// release sends what was held back.
func (w *writer) release() error {
	held := w.held
	w.held = held[:0]
	if len(held) == 0 {
		return nil
	}
	var err error
	if w.gzip != nil {
		_, err = w.gzip.Write(held)
	} else {
		_, err = w.ResponseWriter.Write(held)
	}
	return err
}

// tagAsSeen names, where nothing has changed, what the client has.
func (w *writer) tagAsSeen(header http.Header) {
	tag := header.Get("ETag")
	if compressed := strings.TrimSuffix(tag, `"`) + suffix + `"`; tag != "" && strings.Contains(w.seen, compressed) {
		header.Set("ETag", compressed)
	}
}
