// Package certificates has the certificate authorities that an image trusts: those of Mozilla, as the module
// golang.org/x/crypto/x509roots/fallback carries them. So their version stands in go.mod, they are the same on every
// machine, and they need neither a base image nor a package of the host's system.
package certificates

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Path is where Go's crypto/x509, OpenSSL and most other libraries look for authorities first.
const Path = "/etc/ssl/certs/ca-certificates.crt"

// Open returns the authorities as PEM.
//
// An authority that Mozilla trusts with a condition (such as only for certificates issued before a date) is left out:
// a PEM file cannot hold the condition, and without it the image would trust more than Mozilla does.
func Open() (io.ReadCloser, error) {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, fmt.Errorf("encoding the certificate authorities: %w", err)
		}
	}
	return content{bytes.NewReader(out.Bytes())}, nil
}

// content is a reader that knows its size.
type content struct{ *bytes.Reader }

func (content) Close() error { return nil }
