package tracing

import (
	"crypto/x509"
	"net/http"
)

// SetTransport makes a tracer send its spans through a transport of the test's.
func SetTransport(t *Tracer, transport http.RoundTripper) { t.exporter.transport = transport }

// Drain throws away what is queued.
func Drain(t *Tracer) {
	for range len(t.exporter.queue) {
		<-t.exporter.queue
	}
}

// SetRoots makes a tracer trust the test's certificates and no others.
func SetRoots(t *Tracer, roots *x509.CertPool) { t.exporter.transport.(*connector).tls.RootCAs = roots }

// CutAfterTry makes a tracer call a function after each try to send spans.
func CutAfterTry(t *Tracer, cut func()) { t.exporter.transport = cutting{t.exporter.transport, cut} }

type cutting struct {
	http.RoundTripper
	cut func()
}

// RoundTrip makes the request, then calls the function.
func (c cutting) RoundTrip(r *http.Request) (*http.Response, error) {
	defer c.cut()
	return c.RoundTripper.RoundTrip(r)
}
