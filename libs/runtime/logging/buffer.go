package logging

import (
	"io"
	"sync"
	"time"
)

const (
	// bufferSize is how many bytes of lines may wait.
	bufferSize = 16 << 10
	// longestDelay is how long they may.
	longestDelay = 100 * time.Millisecond
)

// Buffer collects the lines of an access log, of which there is one for each
// request, and writes many at once. A line that is written to the Buffer itself
// is not kept waiting, and takes those along that do; so whatever is logged last
// loses nothing. It is safe for concurrent use.
type Buffer struct {
	mu    sync.Mutex
	w     io.Writer
	lines []byte
	timer *time.Timer
}

// NewBuffer returns a buffer in front of w.
func NewBuffer(w io.Writer) *Buffer {
	b := &Buffer{w: w, lines: make([]byte, 0, bufferSize)}
	b.timer = time.AfterFunc(time.Hour, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		_ = b.flush() // there is nowhere to report that the log is gone
	})
	b.timer.Stop()
	return b
}

// Write writes a line at once.
func (b *Buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line...)
	return len(line), b.flush()
}

// Flush writes what waits.
func (b *Buffer) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flush()
}

// flush writes what waits. The caller holds mu.
func (b *Buffer) flush() error {
	b.timer.Stop()
	_, err := b.w.Write(b.lines)
	b.lines = b.lines[:0]
	return err
}

// Patient returns a writer whose lines may wait.
func (b *Buffer) Patient() io.Writer { return (*patient)(b) }

type patient Buffer

// Write keeps a line until there are enough of them, or time is up.
func (p *patient) Write(line []byte) (int, error) {
	b := (*Buffer)(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) == 0 {
		b.timer.Reset(longestDelay)
	}
	b.lines = append(b.lines, line...)
	if len(b.lines) < bufferSize-512 {
		return len(line), nil
	}
	return len(line), b.flush()
}
