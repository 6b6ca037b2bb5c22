package upload

import (
	"fmt"
	"net"
	"net/http"
)

// encrypted is a transport that sends nothing in plain text to another machine. The registry library falls back to
// plain HTTP by itself for some names and addresses.
type encrypted struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (e encrypted) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" && !isLoopback(request.URL.Hostname()) {
		return nil, fmt.Errorf("%s would be spoken to over plain HTTP: let it serve HTTPS, or allow it with --insecure", request.URL.Host)
	}
	return e.next.RoundTrip(request)
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
