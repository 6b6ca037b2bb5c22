package upload

import (
	"net/http"
	"strings"
	"testing"
)

// Plain HTTP reaches this machine alone, whatever the registry library makes of a name.
func TestEncrypted(t *testing.T) {
	for address, sent := range map[string]bool{
		"https://registry.example.com/v2/": true,
		"http://localhost:5000/v2/":        true,
		"http://127.0.0.1:5000/v2/":        true,
		"http://127.8.9.1:5000/v2/":        true,
		"http://[::1]:5000/v2/":            true,
		"http://registry.example.com/v2/":  false,
		"http://registry.local/v2/":        false,
		"http://registry.localhost/v2/":    false,
		"http://10.0.0.5:5000/v2/":         false,
		"http://127.0.0.1.example.com/v2/": false,
	} {
		request, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		next := &recorder{}
		_, err = encrypted{next}.RoundTrip(request)
		if next.called != sent || (err == nil) != sent {
			t.Errorf("%s: sent %t, want %t; error %v", address, next.called, sent, err)
		}
		if err != nil && !strings.Contains(err.Error(), "--insecure") {
			t.Errorf("%s: the error %q does not name the remedy", address, err)
		}
	}
}

type recorder struct{ called bool }

func (r *recorder) RoundTrip(*http.Request) (*http.Response, error) {
	r.called = true
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}
