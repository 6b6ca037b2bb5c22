package lint

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	pascal     = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	lowerSnake = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	upperSnake = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
	version    = regexp.MustCompile(`^v[1-9][0-9]*((alpha|beta)([1-9][0-9]*)?)?$`)
)

// upperSnakeOf spells a name in PascalCase as UPPER_SNAKE_CASE.
func upperSnakeOf(name string) string {
	var words strings.Builder
	letters := []rune(name)
	for i, letter := range letters {
		if i > 0 && unicode.IsUpper(letter) &&
			// A word begins after a small letter, and with the last of several capitals: HTTPKind.
			(!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])) {
			words.WriteByte('_')
		}
		words.WriteRune(unicode.ToUpper(letter))
	}
	return words.String()
}
