package idempotency

// ParseKey reads the values of the header.
func ParseKey(values []string) (string, bool) { return parseKey(values) }

// MaxBody bounds the body of an answer that is kept.
const MaxBody = maxBody
