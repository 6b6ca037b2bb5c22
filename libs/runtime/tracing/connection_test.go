package tracing_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/soketsugo/soketsugo/libs/runtime/tracing"
)

// A collector with TLS gets spans when its certificate is trusted, and nothing,
// not even headers, when it is not.
func TestTLS(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		var asked atomic.Int64
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if _, err := decode(r.Body); err != nil {
				t.Error(err)
			}
			fmt.Fprint(w, "{}")
		}))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
		server.StartTLS()
		defer server.Close()
		tracer := newTracer(t, discard(), exporting("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL))
		roots := x509.NewCertPool()
		if trusted {
			roots.AddCert(server.Certificate())
		}
		tracing.SetRoots(tracer, roots)
		finish(tracer, 1)
		err := tracer.Stop(t.Context())
		if trusted && (err != nil || asked.Load() != 1) {
			t.Errorf("trusted: got %v after %d requests", err, asked.Load())
		}
		if !trusted && (err == nil || !strings.Contains(err.Error(), "certificate") || asked.Load() != 0) {
			t.Errorf("not trusted: got %v after %d requests", err, asked.Load())
		}
	}
}

// A collector that refuses a batch before it has read it is understood, however
// large the batch is.
func TestEarlyAnswer(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	defer server.Close()
	tracer := newTracer(t, discard(), exporting("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL))
	record := tracing.Record{Name: "x"}
	for range 3 {
		record.Attributes = append(record.Attributes, slog.String("k", strings.Repeat("v", tracing.MaxTextBytes)))
	}
	for range tracing.MaxBatch {
		tracer.Finish(tracer.Start("", ""), record)
	}
	err := tracer.Stop(t.Context())
	if err == nil || !strings.Contains(err.Error(), "413") || asked.Load() != 1 {
		t.Errorf("got %v after %d requests, want 413 after 1", err, asked.Load())
	}
}

// What a peer sends that is not HTTP, or has no end, is an error and no more.
func TestStrangeAnswers(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		ok           bool
	}{
		{"an informational answer first", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", true},
		{"a body that breaks off", "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{", true},
		{"a body without a length", "HTTP/1.1 200 OK\r\n\r\n{}", true},
		{"a body without an end", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat(" ", 4*tracing.MaxAnswerBytes), true},
		{"no answer", "", false},
		{"informational answers alone", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 3), false},
		{"headers without an end", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", tracing.MaxAnswerBytes), false},
		{"another protocol", "\x00\x00\x12\x04\x00\x00\x00\x00\x00", false},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
						_, _ = decode(r.Body)
						_, _ = conn.Write([]byte(test.answer))
					}
				}()
			}
		}()
		tracer := newTracer(t, discard(), exporting("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String()))
		finish(tracer, 1)
		// One try is enough to see.
		ctx, cancel := context.WithCancel(t.Context())
		tracing.CutAfterTry(tracer, cancel)
		err = tracer.Stop(ctx)
		cancel()
		listener.Close()
		if (err == nil) != test.ok {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}
