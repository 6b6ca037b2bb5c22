package lint

import (
	"errors"
	"fmt"
	"strings"

	"github.com/soketsugo/soketsugo/tools/migrations/lint/grammar"
)

// script is a file with the line numbers that source.Migration does not have.
type script struct {
	up, down        []chunk
	downLine        int
	lockTimeoutLine int
	waivers         []waiver
	mistakes        []mistake
}

// mistake is a line that does not mean what it seems to.
type mistake struct {
	line          int
	text, instead string
}

// chunk is what goose sends to the database at once.
type chunk struct {
	line int
	text string
	// block says that it was between StatementBegin and StatementEnd.
	block bool
}

// lineAt returns the line in the file of a place in the chunk.
func (c chunk) lineAt(offset int) int {
	return c.line + strings.Count(c.text[:min(offset, len(c.text))], "\n")
}

const (
	upMarker             = "-- +goose Up"
	downMarker           = "-- +goose Down"
	noTransactionMarker  = "-- +goose NO TRANSACTION"
	beginMarker          = "-- +goose StatementBegin"
	endMarker            = "-- +goose StatementEnd"
	allowDirective       = "-- soketsugo:allow"
	lockTimeoutDirective = "-- soketsugo:lock-timeout"
)

// readScript cuts a file into chunks as goose does: a chunk ends with a line
// whose last word ends with a semicolon, unless it is in a block.
func readScript(content []byte) script {
	var s script
	var part *[]chunk
	var current chunk
	var text strings.Builder
	flush := func(complete bool) {
		if current.text = text.String(); strings.TrimSpace(current.text) != "" && part != nil {
			if !complete {
				s.mistakes = append(s.mistakes, unfinished(current))
			}
			*part = append(*part, current)
		}
		current = chunk{}
		text.Reset()
	}
	number := 0
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\r\n", "\n")) {
		number++
		trimmed := strings.TrimSpace(line)
		comment := strings.HasPrefix(trimmed, "--")
		if comment && strings.Contains(line, "+goose") {
			switch strings.TrimRight(line, " \t\n") {
			case upMarker:
				flush(false)
				part = &s.up
			case downMarker:
				flush(false)
				part, s.downLine = &s.down, number
			case noTransactionMarker:
			case beginMarker:
				flush(false)
				current.block = true
			case endMarker:
				flush(current.block)
			default:
				s.mistakes = append(s.mistakes, mistake{number, fmt.Sprintf("%q is not a marker that all who read the file understand in the same way", trimmed),
					fmt.Sprintf("write one of %q, %q, %q, %q and %q, at the beginning of the line", upMarker, downMarker, noTransactionMarker, beginMarker, endMarker)})
			}
			continue
		}
		s.directive(trimmed, number)
		if text.Len() == 0 {
			if comment || trimmed == "" {
				continue
			}
			current.line = number
			if part == nil {
				s.mistakes = append(s.mistakes, mistake{number, fmt.Sprintf("what is before the line %q is in no part", upMarker), "move it below"})
			}
		}
		text.WriteString(line)
		if !current.block && endsStatement(line) {
			flush(true)
		}
	}
	flush(false)
	return s
}

// unfinished is what is wrong with a chunk that another marker or the end of the
// file cuts off.
func unfinished(c chunk) mistake {
	if c.block {
		return mistake{c.line, fmt.Sprintf("the block has no line %q, so that migrate does not take the file", endMarker), "add it"}
	}
	return mistake{c.line, "the statement has no semicolon at the end of its line, so that migrate does not take the file", "end it with ;"}
}

func (s *script) directive(trimmed string, line int) {
	if rest, found := strings.CutPrefix(trimmed, allowDirective); found && (rest == "" || rest[0] == ' ' || rest[0] == '\t') {
		rule, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
		s.waivers = append(s.waivers, waiver{line: line, rule: rule, reason: strings.TrimSpace(reason)})
	}
	if strings.HasPrefix(trimmed, lockTimeoutDirective) {
		s.lockTimeoutLine = line
	}
}

// endsStatement says whether the last word of a line, up to a comment, ends with
// a semicolon.
func endsStatement(line string) bool {
	last := ""
	for word := range strings.FieldsSeq(line) {
		if strings.HasPrefix(word, "--") {
			break
		}
		last = word
	}
	return strings.HasSuffix(last, ";")
}

// syntax reports a chunk that PostgreSQL does not take, and says whether what is
// behind it belongs to it.
func (l *linter) syntax(c chunk, err error) (cut bool) {
	instead := "correct the statement"
	line := c.line
	var problem *grammar.Error
	if errors.As(err, &problem) {
		line = c.lineAt(problem.Offset)
	}
	if cut = !c.block && strings.Contains(err.Error(), "unterminated"); cut {
		line = c.line
		instead = fmt.Sprintf("put %q and %q around a statement that has semicolons in it, because the file is cut after each line that ends with one", beginMarker, endMarker)
	}
	if problem != nil && (problem.TooDeep || problem.GaveUp) {
		l.line = c.line
		l.report(ruleSyntax, problem.Message, "divide the statement into smaller ones")
		return problem.GaveUp
	}
	l.line = line
	l.report(ruleSyntax, "PostgreSQL does not take it: "+strings.Join(strings.Fields(err.Error()), " "), instead)
	return cut
}
