// Package uuidv7 makes identifiers that sort by the time they were made, which
// keeps the indexes of a database compact. It is a page of code where a general
// UUID library would bring database/sql and hash functions along.
package uuidv7

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// New returns a version 7 UUID (RFC 9562) of now in lower case: 48 bits of
// milliseconds and 74 bits of randomness. It cannot fail: crypto/rand stops the
// process when the system has no randomness.
func New(now time.Time) string {
	var id [16]byte
	_, _ = rand.Read(id[6:])
	millis := uint64(now.UnixMilli())
	for i := range 6 {
		id[i] = byte(millis >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70 // version 7
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	var text [36]byte
	hex.Encode(text[0:8], id[0:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:36], id[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
