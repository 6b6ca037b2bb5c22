package grammar

import (
	"regexp"
	"strings"
)

// maxDepth is how deep a text may be nested, in the measure of depth. From about
// twice of that on the parser's stack, which is small and not guarded, would
// overwrite its heap, and the parser would fail or never come back.
const maxDepth = 300

// token is what matters to depth, and what may hide it: comments, texts, quoted
// names, bodies in dollars.
var token = regexp.MustCompile(`(?s)[eE]'(?:[^'\\]|\\.|'')*'|--[^\n]*|/\*|'(?:[^']|'')*'|"[^"]*"|\$[A-Za-z_0-9]*\$|[A-Za-z_][A-Za-z_0-9$]*|[()\[\],;]|[-+*/<>=~!@#%^&|` + "`" + `?:]`)

// heavy are the words that begin something nested, with what they cost of the
// stack beside an operator, which costs 1.
var heavy = map[string]int{"SELECT": 4, "VALUES": 4, "WITH": 4, "CASE": 4, "UNION": 2, "INTERSECT": 2, "EXCEPT": 2, "JOIN": 2}

// light are the words that are operators which can follow upon each other.
var light = map[string]bool{"NOT": true, "COLLATE": true, "AT": true}

// depth is a bound for how deep the tree of a text is. A comma ends a chain of
// operators, but not one of UNION or JOIN.
func depth(text string) int {
	type level struct{ heavy, light int }
	levels := []level{{}}
	sum, deepest := 0, 0
	add := func(heavy, light int) {
		top := &levels[len(levels)-1]
		top.heavy += heavy
		top.light += light
		sum += heavy + light
		deepest = max(deepest, sum)
	}
	for at := 0; at < len(text); {
		place := token.FindStringIndex(text[at:])
		if place == nil {
			break
		}
		word := text[at+place[0] : at+place[1]]
		at += place[1]
		top := &levels[len(levels)-1]
		switch first := word[0]; {
		case word == "/*":
			at += blockComment(text[at-2:]) - 2
		case strings.HasPrefix(word, "--") || strings.HasSuffix(word, "'") || first == '"':
		case first == '$':
			// A body goes to the same mark again.
			if end := strings.Index(text[at:], word); end >= 0 {
				at += end + len(word)
			}
		case first == '(' || first == '[':
			levels = append(levels, level{})
			add(2, 0)
		case first == ')' || first == ']':
			if len(levels) > 1 {
				sum -= top.heavy + top.light
				levels = levels[:len(levels)-1]
			}
		case first == ',':
			sum -= top.light
			top.light = 0
		case first == ';':
			levels, sum = []level{{}}, 0
		case heavy[strings.ToUpper(word)] > 0:
			add(heavy[strings.ToUpper(word)], 0)
		case light[strings.ToUpper(word)] || !isLetter(first):
			add(0, 1)
		}
	}
	return deepest
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
