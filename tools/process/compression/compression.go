// Package compression reads and writes the compressions that an image layer may have. What it writes depends on
// the input alone: neither on the machine, nor on how many processors it has, nor on the time.
package compression

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Format is how a layer is compressed.
type Format string

// The formats that the OCI image specification knows.
const (
	None Format = "none"
	Gzip Format = "gzip"
	Zstd Format = "zstd"
)

// maxWindow bounds the memory that reading a zstd layer takes. The best level of the encoder needs 32 MiB at
// most, `zstd --ultra` 128 MiB.
const maxWindow = 128 << 20

// Parse returns the format with the given name.
func Parse(name string) (Format, error) {
	switch format := Format(name); format {
	case None, Gzip, Zstd:
		return format, nil
	}
	return "", fmt.Errorf("compression %q is not one of zstd, gzip, none", name)
}

// Suffix returns the file name ending that rules_oci expects of a layer in this format.
func (f Format) Suffix() string {
	switch f {
	case Gzip:
		return ".tar.gz"
	case Zstd:
		return ".tar.zst"
	default:
		return ".tar"
	}
}

// NewWriter returns a writer that compresses as small as the format allows. Its Close ends the stream and leaves
// the underlying writer open.
func NewWriter(w io.Writer, format Format) (io.WriteCloser, error) {
	switch format {
	case None:
		return unclosable{w}, nil
	case Gzip:
		writer, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return nil, fmt.Errorf("starting gzip: %w", err)
		}
		return writer, nil
	case Zstd:
		// More than one goroutine cuts the input elsewhere, which changes the bytes.
		writer, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("starting zstd: %w", err)
		}
		return writer, nil
	}
	return nil, fmt.Errorf("compressing: unknown format %q", format)
}

// NewReader finds out the format from the first bytes and returns a reader of what was compressed.
func NewReader(r io.Reader) (io.ReadCloser, Format, error) {
	buffered := bufio.NewReader(r)
	head, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", fmt.Errorf("reading the first bytes: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		reader, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, "", fmt.Errorf("opening gzip: %w", err)
		}
		return reader, Gzip, nil
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		reader, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, "", fmt.Errorf("opening zstd: %w", err)
		}
		return reader.IOReadCloser(), Zstd, nil
	}
	return io.NopCloser(buffered), None, nil
}

type unclosable struct{ io.Writer }

func (unclosable) Close() error { return nil }
