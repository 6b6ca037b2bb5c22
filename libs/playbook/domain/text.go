package domain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// text is what a string field takes.
type text struct {
	// min and max are in characters (Unicode code points).
	min, max int
	// lines allows line breaks and tabs.
	lines bool
}

// check adds a violation when value is not what t takes. Control characters
// are refused since they break logs and terminals, and since PostgreSQL cannot
// store the NUL among them.
func (t text) check(found *violations, field, value string) {
	if !utf8.ValidString(value) {
		found.add(field, "must be valid UTF-8")
		return
	}
	count := utf8.RuneCountInString(value)
	switch {
	case count < t.min && count == 0:
		found.add(field, "is required")
	case count < t.min || count > t.max:
		found.add(field, "must have %d to %d characters, but has %d", t.min, t.max, count)
	case strings.ContainsFunc(value, t.refused):
		found.add(field, "must not hold control characters")
	case strings.TrimSpace(value) != value:
		found.add(field, "must not begin or end with white space")
	}
}

func (t text) refused(r rune) bool {
	if t.lines && (r == '\n' || r == '\r' || r == '\t') {
		return false
	}
	return unicode.IsControl(r)
}
