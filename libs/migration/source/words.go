package source

import (
	"regexp"
	"strings"
)

// statements cuts SQL into statements, and these into words: keywords and names,
// strings and quoted names with their quotes, and the characters between them.
// Comments and space are left out.
func statements(text string) [][]string {
	var all [][]string
	var words []string
	for len(text) > 0 {
		word := text[:wordLength(text)]
		text = text[len(word):]
		switch {
		case isSpace(word[0]), strings.HasPrefix(word, "--"), strings.HasPrefix(word, "/*"):
		case word == ";":
			all, words = append(all, words), nil
		default:
			words = append(words, word)
		}
	}
	return append(all, words)
}

var dollarQuote = regexp.MustCompile(`^\$(?:[A-Za-z_\x{80}-\x{10ffff}][A-Za-z0-9_\x{80}-\x{10ffff}]*)?\$`)

// wordLength returns the length of the word or comment that a text begins with, in
// PostgreSQL's reading. It is never 0.
func wordLength(text string) int {
	switch first := text[0]; {
	case strings.HasPrefix(text, "--"):
		return through(text, "\n")
	case strings.HasPrefix(text, "/*"):
		return commentLength(text)
	case first == '"' || first == '\'':
		return quotedLength(text, false)
	case (first == 'e' || first == 'E') && strings.HasPrefix(text[1:], "'"):
		return 1 + quotedLength(text[1:], true)
	case first == '$':
		tag := dollarQuote.FindString(text)
		if tag == "" {
			return 1
		}
		return len(tag) + through(text[len(tag):], tag)
	case isLetter(first):
		length := 1
		for length < len(text) && (isLetter(text[length]) || text[length] == '$' || '0' <= text[length] && text[length] <= '9') {
			length++
		}
		return length
	}
	return 1
}

// through returns the length of a text up to an end and with it; of all of it where
// there is none.
func through(text, end string) int {
	if at := strings.Index(text, end); at >= 0 {
		return at + len(end)
	}
	return len(text)
}

// commentLength returns the length of a comment; they are nested.
func commentLength(text string) int {
	depth := 0
	for at := 0; at < len(text); at++ {
		switch {
		case strings.HasPrefix(text[at:], "/*"):
			depth++
			at++
		case strings.HasPrefix(text[at:], "*/"):
			depth--
			at++
			if depth == 0 {
				return at + 1
			}
		}
	}
	return len(text)
}

// quotedLength returns the length of what is between quotes, with them. A quote
// that is written twice is none, and one behind a backslash where those escape.
func quotedLength(text string, escapes bool) int {
	quote := text[0]
	for at := 1; at < len(text); at++ {
		switch {
		case escapes && text[at] == '\\':
			at++
		case text[at] != quote:
		case at+1 < len(text) && text[at+1] == quote:
			at++
		default:
			return at + 1
		}
	}
	return len(text)
}

func isSpace(c byte) bool { return strings.IndexByte(" \t\n\r\f\v", c) >= 0 }

// isLetter says whether a name can begin so. All characters that are not ASCII are
// letters to PostgreSQL.
func isLetter(c byte) bool {
	return c == '_' || c >= 0x80 || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isName says whether a word is a name, or a keyword.
func isName(word string) bool {
	return isLetter(word[0]) && !isString(word) || len(word) > 2 && word[0] == '"'
}

// isString says whether a word is a string with escapes, which begins with a letter.
func isString(word string) bool { return strings.HasSuffix(word, "'") }

// cutKeywords returns what is behind keywords where words begins with them, and
// otherwise words.
func cutKeywords(words []string, keywords ...string) (rest []string, found bool) {
	if len(words) < len(keywords) {
		return words, false
	}
	for i, keyword := range keywords {
		if !strings.EqualFold(words[i], keyword) {
			return words, false
		}
	}
	return words[len(keywords):], true
}
