package webhook

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
)

// Sign sets the headers of a request with a body.
func Sign(header http.Header, secret string, at time.Time, body string) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	header.Set("X-Timestamp", timestamp)
	header.Set("X-Signature", "sha256="+hex.EncodeToString(sign(secret, timestamp, []byte(body))))
}

// Verify says whether a request is signed with a secret.
func Verify(header http.Header, secret string, body []byte) bool {
	s, readable := parseSignature(header)
	return provider{secrets: [maxSecrets]string{secret}}.verify(s, body) && readable
}
