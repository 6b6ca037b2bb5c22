package tracing

import "net/http"

// SetTransport makes a tracer send its spans through a transport of the test's.
func SetTransport(t *Tracer, transport http.RoundTripper) { t.exporter.transport = transport }

// Drain throws away what is queued.
func Drain(t *Tracer) {
	for range len(t.exporter.queue) {
		<-t.exporter.queue
	}
}
