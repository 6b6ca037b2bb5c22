package logging_test

import (
	"bytes"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/logging"
)

// Level and format are as configured.
func TestNew(t *testing.T) {
	for _, test := range []struct {
		config logging.Config
		want   string
		lines  int
	}{
		{logging.Config{Level: "info", Format: "json"}, `"msg":"b"`, 1},
		{logging.Config{Level: "debug", Format: "text"}, `msg=a`, 2},
		{logging.Config{Level: "error", Format: "json"}, ``, 0},
	} {
		var out bytes.Buffer
		log := logging.New(&out, test.config)
		log.Debug("a")
		log.Info("b")
		if got := strings.Count(out.String(), "\n"); got != test.lines || !strings.Contains(out.String(), test.want) {
			t.Errorf("%+v: got %q, want %d lines with %q", test.config, &out, test.lines, test.want)
		}
	}
}

// A line of requests waits a moment, and whatever is logged otherwise takes it
// along, in order.
func TestBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written bytes.Buffer
		buffer := logging.NewBuffer(&written)
		settings := logging.Config{Level: "info", Format: "text"}
		access := logging.NewAccess(buffer, settings)
		access.Write(time.Now(), "one", nil)
		synctest.Wait()
		if written.Len() != 0 {
			t.Errorf("a line did not wait: %s", &written)
		}
		logging.New(buffer, settings).Info("two")
		if text := written.String(); strings.Index(text, "msg=one") > strings.Index(text, "msg=two") || !strings.Contains(text, "msg=one") {
			t.Errorf("got %q, want both lines in order", text)
		}
		written.Reset()
		access.Write(time.Now(), "three", nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if !strings.Contains(written.String(), "msg=three") {
			t.Errorf("after a second the log is %q", &written)
		}
		written.Reset()
		for range 1000 {
			access.Write(time.Now(), "many", []slog.Attr{slog.String("text", strings.Repeat("x", 100))})
		}
		if written.Len() < 100_000 {
			t.Errorf("%d bytes were written, want most of 1000 lines", written.Len())
		}
		if err := buffer.Flush(); err != nil || strings.Count(written.String(), "\n") != 1000 {
			t.Errorf("Flush: %v, %d lines", err, strings.Count(written.String(), "\n"))
		}
	})
}

// The quick way of writing a line gives what slog gives, whatever is in it.
func TestAccessIsSlog(t *testing.T) {
	at := time.Date(2026, 11, 24, 1, 2, 3, 456, time.UTC)
	for _, attributes := range [][]slog.Attr{
		nil,
		{slog.String("route", "GET /v1/things/{id}"), slog.String("code", "200"), slog.Float64("seconds", 0.00123), slog.Int64("bytes", -7)},
		{slog.Float64("zero", 0), slog.Float64("third", 1.0/3), slog.Float64("smallest", 1e-6), slog.Float64("negative", -2.5)},
		// One to a line: each of these alone must leave the line to slog.
		{slog.Float64("large", 1e21)},
		{slog.Float64("small", 1e-7)},
		{slog.String("html", "<&>")},
		{slog.String("path", `/"quoted"`)},
		{slog.String("path", `back\slash`)},
		{slog.String("umlaut", "ä")},
		{slog.String("line", "a\nb")},
		{slog.Duration("took", time.Second), slog.Bool("ok", true)},
		{slog.Float64("infinite", math.Inf(1))},
	} {
		for _, format := range []string{"json", "text"} {
			var quick, slow bytes.Buffer
			settings := logging.Config{Level: "info", Format: format}
			buffer := logging.NewBuffer(&quick)
			logging.NewAccess(buffer, settings).Write(at, "request", attributes)
			if err := buffer.Flush(); err != nil {
				t.Fatal(err)
			}
			record := slog.NewRecord(at, slog.LevelInfo, "request", 0)
			record.AddAttrs(attributes...)
			if err := logging.New(&slow, settings).Handler().Handle(t.Context(), record); err != nil {
				t.Fatal(err)
			}
			if quick.String() != slow.String() {
				t.Errorf("%s: got %s, want %s", format, &quick, &slow)
			}
		}
	}
}

// Nothing is written below the level.
func TestAccessLevel(t *testing.T) {
	buffer := logging.NewBuffer(io.Discard)
	if logging.NewAccess(buffer, logging.Config{Level: "warn", Format: "json"}).Enabled() || !logging.NewAccess(buffer, logging.Config{Level: "info", Format: "json"}).Enabled() {
		t.Error("the level is not followed")
	}
}
