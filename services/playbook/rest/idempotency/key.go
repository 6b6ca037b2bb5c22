package idempotency

import "strings"

// maxKeyLength is in bytes, which are characters too.
const maxKeyLength = 255

// parseKey reads the values of the header Idempotency-Key: one string as RFC 8941
// writes it ("…"), as the draft of the header asks for, or one word as most clients
// send it. Both spellings of a key are the same key.
func parseKey(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	text := strings.Trim(values[0], " \t")
	quoted, isQuoted := strings.CutPrefix(text, `"`)
	if !isQuoted {
		return text, len(text) <= maxKeyLength && isWord(text)
	}
	key, ok := unquote(quoted)
	return key, ok && len(key) <= maxKeyLength && key != ""
}

// isWord says whether text is printable, without the characters that separate
// values and strings.
func isWord(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || c == '"' || c == ',' || c == ';' || c == '\\' {
			return false
		}
	}
	return text != ""
}

// unquote reads a string of RFC 8941 from behind its first quotation mark. Nothing
// may follow it.
func unquote(text string) (string, bool) {
	var key strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return key.String(), i == len(text)-1
		case c == '\\':
			if i++; i == len(text) || text[i] != '"' && text[i] != '\\' {
				return "", false
			}
			key.WriteByte(text[i])
		case c < ' ' || c > '~':
			return "", false
		default:
			key.WriteByte(c)
		}
	}
	return "", false
}
