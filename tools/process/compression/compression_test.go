package compression_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/soketsugo/soketsugo/tools/process/compression"
)

// What is written in a format comes back, and the format is found from the bytes.
func TestRoundTrip(t *testing.T) {
	for _, format := range []compression.Format{compression.None, compression.Gzip, compression.Zstd} {
		t.Run(string(format), func(t *testing.T) {
			want := sample(1 << 20)
			reader, found, err := compression.NewReader(bytes.NewReader(compress(t, format, want)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(reader)
			if err != nil {
				t.Fatal(err)
			}
			if found != format {
				t.Errorf("found %q, want %q", found, format)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes came back and differ from the %d that went in", len(got), len(want))
			}
		})
	}
}

// The number of processors does not change what is written.
func TestSameBytesOnAnyMachine(t *testing.T) {
	for _, format := range []compression.Format{compression.Gzip, compression.Zstd} {
		t.Run(string(format), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
			content := sample(2 << 20)
			runtime.GOMAXPROCS(1)
			one := compress(t, format, content)
			runtime.GOMAXPROCS(8)
			if many := compress(t, format, content); !bytes.Equal(one, many) {
				t.Errorf("8 processors wrote %d bytes that differ from the %d bytes of one", len(many), len(one))
			}
		})
	}
}

// A file cut off in the middle is an error, not a short file.
func TestTruncated(t *testing.T) {
	for _, format := range []compression.Format{compression.Gzip, compression.Zstd} {
		t.Run(string(format), func(t *testing.T) {
			whole := compress(t, format, sample(1<<18))
			reader, _, err := compression.NewReader(bytes.NewReader(whole[:len(whole)/2]))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, reader); err == nil {
				t.Error("half a file was read without an error")
			}
		})
	}
}

// A file that asks for more memory than ours ever do is refused, not obeyed.
func TestWindow(t *testing.T) {
	for _, test := range []struct {
		exponent byte
		ok       bool
	}{{27, true}, {28, false}} {
		// The frame header of RFC 8878 with a window of 2^exponent bytes, and one empty block, the last.
		frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, (test.exponent - 10) << 3, 1, 0, 0}
		reader, _, err := compression.NewReader(bytes.NewReader(frame))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, reader); (err == nil) != test.ok {
			t.Errorf("a window of 2^%d bytes: got %v, want ok = %t", test.exponent, err, test.ok)
		}
	}
}

// Only the three names are formats, and the error lists them.
func TestParse(t *testing.T) {
	if format, err := compression.Parse("zstd"); err != nil || format != compression.Zstd {
		t.Errorf("Parse(zstd) = %q, %v", format, err)
	}
	_, err := compression.Parse("xz")
	if err == nil || err.Error() != `compression "xz" is not one of zstd, gzip, none` {
		t.Errorf("Parse(xz): %v", err)
	}
}

func compress(t *testing.T, format compression.Format, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	writer, err := compression.NewWriter(&out, format)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sample returns bytes that compress about as well as a program does.
func sample(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(random.ExpFloat64() * 12)
	}
	return content
}
