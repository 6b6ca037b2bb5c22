// Package grammar reads SQL with PostgreSQL's own grammar: libpg_query, compiled
// to WebAssembly, so that nothing links C. It is large and takes two seconds to
// start; nothing that ships may import it.
package grammar

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/wasilibs/go-pgquery/parser"
)

// Statement is one statement of a text.
type Statement struct {
	// Node has the one field set that is for this kind of statement; none where the
	// kind is of no interest.
	Node
	// Kind is what the grammar calls this kind of statement.
	Kind string
	// Offset is where the statement begins in the text, behind comments.
	Offset int

	tree json.RawMessage
}

// gaveUp says that the machine below has failed. It stays as the failure left it,
// and there is no way to have another one.
var gaveUp atomic.Bool

// Error is what the grammar says about a text that it does not take.
type Error struct {
	Message string
	// Offset is where in the text.
	Offset int
	// TooDeep says that the text is nested too deep to be parsed.
	TooDeep bool
	// GaveUp says that the parser failed, on this text or on one of before, and can
	// read no more.
	GaveUp bool
}

func (e *Error) Error() string { return e.Message }

// Parse returns the statements of a text. All of its errors are an *Error.
func Parse(text string) (statements []Statement, err error) {
	// The parser takes a string that ends with a zero byte: what is behind one would
	// not be looked at. PostgreSQL takes neither.
	if at := strings.IndexByte(text, 0); at >= 0 {
		return nil, &Error{Message: "a zero byte", Offset: at}
	}
	if !utf8.ValidString(text) {
		return nil, &Error{Message: "it is not UTF-8", Offset: len(strings.ToValidUTF8(text[:firstInvalid(text)], ""))}
	}
	if depth(text) > maxDepth {
		return nil, &Error{Message: "it is nested deeper than the parser can follow", TooDeep: true}
	}
	if gaveUp.Load() {
		return nil, &Error{Message: "it was not read, because the parser gave up on a statement before it", GaveUp: true}
	}
	// What it cannot do otherwise, such as to have more memory, is a panic.
	defer func() {
		if cause := recover(); cause != nil {
			gaveUp.Store(true)
			first, _, _ := strings.Cut(fmt.Sprint(cause), "\n")
			statements, err = nil, &Error{Message: "the parser gave up: " + first, GaveUp: true}
		}
	}()
	answer, err := parser.ParseToJSON(text)
	if err != nil {
		return nil, located(text, err)
	}
	var result struct {
		Stmts []struct {
			Stmt     json.RawMessage `json:"stmt"`
			Location int             `json:"stmt_location"`
		} `json:"stmts"`
	}
	if err := json.Unmarshal([]byte(answer), &result); err != nil {
		return nil, &Error{Message: fmt.Sprintf("reading the tree: %v", err)}
	}
	for _, s := range result.Stmts {
		statement := Statement{Offset: s.Location + blank(text[s.Location:]), tree: s.Stmt}
		if err := json.Unmarshal(s.Stmt, &statement.Node); err != nil {
			return nil, &Error{Message: fmt.Sprintf("reading the tree: %v", err), Offset: statement.Offset}
		}
		var kinds map[string]json.RawMessage
		if err := json.Unmarshal(s.Stmt, &kinds); err != nil {
			return nil, &Error{Message: fmt.Sprintf("reading the tree: %v", err), Offset: statement.Offset}
		}
		for kind := range kinds {
			statement.Kind = kind
		}
		statements = append(statements, statement)
	}
	return statements, nil
}

// located turns the parser's error, which counts characters from 1, into ours.
func located(text string, err error) *Error {
	var problem *parser.Error
	if !errors.As(err, &problem) {
		return &Error{Message: err.Error()}
	}
	offset, characters := 0, problem.Cursorpos-1
	for at := range text {
		if characters <= 0 {
			break
		}
		characters--
		offset = at
	}
	if characters == 0 && problem.Cursorpos > 1 {
		_, size := utf8.DecodeRuneInString(text[offset:])
		offset += size
	}
	return &Error{Message: problem.Message, Offset: offset}
}

func firstInvalid(text string) int {
	for at, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[at:]); size == 1 {
				return at
			}
		}
	}
	return len(text)
}

// blank returns the length of the space and comments that a text begins with.
func blank(text string) int {
	at := 0
	for at < len(text) {
		rest := text[at:]
		switch {
		case strings.ContainsRune(" \t\r\n\f\v", rune(rest[0])):
			at++
		case strings.HasPrefix(rest, "--"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				return len(text)
			}
			at += end + 1
		case strings.HasPrefix(rest, "/*"):
			at += blockComment(rest)
		default:
			return at
		}
	}
	return at
}

// blockComment returns the length of the comment that a text begins with.
// PostgreSQL nests them.
func blockComment(text string) int {
	depth := 0
	for at := 0; at < len(text); {
		switch {
		case strings.HasPrefix(text[at:], "/*"):
			depth++
			at += 2
		case strings.HasPrefix(text[at:], "*/"):
			depth--
			at += 2
			if depth == 0 {
				return at
			}
		default:
			at++
		}
	}
	return len(text)
}
