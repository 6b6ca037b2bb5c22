package uuidv7_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/uuidv7"
)

var form = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// Identifiers have the form of RFC 9562, begin with their time and differ.
func TestNew(t *testing.T) {
	now := time.UnixMilli(0x0190b0a47c3e)
	seen := map[string]bool{}
	for range 1000 {
		id := uuidv7.New(now)
		if !form.MatchString(id) || id[:13] != "0190b0a4-7c3e" || seen[id] {
			t.Fatalf("got %q, want a new UUID that begins with its time", id)
		}
		seen[id] = true
	}
	if earlier, later := uuidv7.New(now), uuidv7.New(now.Add(time.Millisecond)); earlier >= later {
		t.Errorf("%q is not before %q", earlier, later)
	}
}
