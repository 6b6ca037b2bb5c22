package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// signatureHeader holds sha256= and the HMAC of timestamp.body in hexadecimal.
	signatureHeader = "X-Signature"
	// timestampHeader holds seconds since 1970.
	timestampHeader = "X-Timestamp"
	// window is how far from now a timestamp may be: what was overheard cannot be
	// sent again later.
	window = 5 * time.Minute
)

// signature is what a request says to prove whom it is from.
type signature struct {
	timestamp string
	at        time.Time
	sum       [sha256.Size]byte
}

// parseSignature reads the headers. Where it returns false, the signature is one
// that no secret makes.
func parseSignature(header http.Header) (signature, bool) {
	timestamps, sums := header[timestampHeader], header[signatureHeader]
	if len(timestamps) != 1 || len(sums) != 1 {
		return signature{}, false
	}
	s := signature{timestamp: timestamps[0]}
	seconds, err := strconv.ParseInt(s.timestamp, 10, 64)
	// One time has one spelling.
	if err != nil || strconv.FormatInt(seconds, 10) != s.timestamp {
		return signature{}, false
	}
	s.at = time.Unix(seconds, 0)
	digits, isSHA256 := strings.CutPrefix(sums[0], "sha256=")
	if !isSHA256 || len(digits) != hex.EncodedLen(sha256.Size) {
		return signature{}, false
	}
	if _, err := hex.Decode(s.sum[:], []byte(digits)); err != nil {
		return signature{}, false
	}
	return s, true
}

// verify says whether a provider signed a body. Whatever is wrong, the same is
// done: a secret that is not there is one that nobody knows.
func (p provider) verify(s signature, body []byte) bool {
	valid := 0
	for _, secret := range p.secrets {
		sum := sign(secret, s.timestamp, body)
		exists := 1
		if secret == "" {
			exists = 0
		}
		valid |= subtle.ConstantTimeCompare(sum, s.sum[:]) & exists
	}
	return valid == 1
}

func sign(secret, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(timestamp + ".")) // it never fails
	_, _ = mac.Write(body)
	return mac.Sum(nil)
}

// fresh says whether a signature was made about now.
func (s signature) fresh(now time.Time) bool {
	return !s.at.Before(now.Add(-window)) && !s.at.After(now.Add(window))
}
