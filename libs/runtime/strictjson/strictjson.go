// Package strictjson reads JSON requests so that no mistake passes unseen: a
// misspelt, repeated or additional field, a value of the wrong type and
// anything after the document are all reported, with their paths and at once.
// encoding/json would match names loosely, stop at the first mistake and name
// no path.
package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// mostMistakes bounds what is reported, about, and ends the reading of an array: a
// short request must not make a long answer.
const mostMistakes = 100

// Mistake is something wrong at a path.
type Mistake struct {
	// Path is such as "steps[2].title"; empty for the whole document.
	Path string
	// Detail says what is wrong there.
	Detail string
}

// Error is returned when a document has mistakes.
type Error struct {
	Mistakes []Mistake
}

// Error returns all mistakes.
func (e *Error) Error() string {
	texts := make([]string, len(e.Mistakes))
	for i, mistake := range e.Mistakes {
		texts[i] = strings.TrimPrefix(mistake.Path+": "+mistake.Detail, ": ")
	}
	return strings.Join(texts, "; ")
}

// Object is a JSON object that is being read. Each method reads one field; a
// field that is absent or null gives the zero value.
type Object struct {
	path   string
	fields map[string]json.RawMessage
	known  []string
	found  *[]Mistake
}

// Read reads one document, which must be an object, with the function read.
// It returns an *Error when the document is not JSON or read did not take all
// of it, and the error of r when r fails.
func Read(r io.Reader, read func(*Object)) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if !utf8.Valid(data) {
		// encoding/json would put something else in its place.
		return &Error{Mistakes: []Mistake{{Detail: "must be JSON in UTF-8"}}}
	}
	var document json.RawMessage
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&document); err != nil {
		if len(bytes.TrimSpace(data)) == 0 {
			return &Error{Mistakes: []Mistake{{Detail: "must be a JSON object, but is empty"}}}
		}
		return &Error{Mistakes: []Mistake{{Detail: "must be JSON: " + err.Error()}}}
	}
	if rest := bytes.TrimSpace(data[decoder.InputOffset():]); len(rest) > 0 {
		return &Error{Mistakes: []Mistake{{Detail: fmt.Sprintf("must be one JSON object, but more follows at byte %d", len(data)-len(rest))}}}
	}
	var found []Mistake
	object(document, "", &found, read)
	if len(found) > 0 {
		return &Error{Mistakes: found}
	}
	return nil
}

func object(data json.RawMessage, path string, found *[]Mistake, read func(*Object)) {
	if data[0] != '{' {
		*found = append(*found, Mistake{path, "must be an object"})
		return
	}
	o := &Object{path: path, fields: map[string]json.RawMessage{}, found: found}
	decoder := json.NewDecoder(bytes.NewReader(data))
	// The document was found to be JSON before, so none of this can fail.
	_, _ = decoder.Token()
	var order []string
	for decoder.More() {
		token, _ := decoder.Token()
		name, _ := token.(string)
		var value json.RawMessage
		_ = decoder.Decode(&value)
		if _, ok := o.fields[name]; ok {
			o.mistake(name, "is given twice")
			continue
		}
		o.fields[name] = value
		order = append(order, name)
	}
	read(o)
	for _, name := range order {
		if !slices.Contains(o.known, name) {
			o.mistake(name, "is not a known field")
		}
	}
}

func (o *Object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

func (o *Object) mistake(name, detail string) {
	if len(*o.found) > mostMistakes {
		return
	}
	*o.found = append(*o.found, Mistake{o.at(name), detail})
}

// take returns the value of a field, or nil when it is absent or null.
func (o *Object) take(name string) json.RawMessage {
	o.known = append(o.known, name)
	if value := o.fields[name]; len(value) > 0 && value[0] != 'n' {
		return value
	}
	return nil
}

// Has says whether a field is given at all, null included, for those that make
// a difference between what is absent and what is empty.
func (o *Object) Has(name string) bool {
	_, given := o.fields[name]
	return given
}

// String reads a string.
func (o *Object) String(name string) string {
	value := o.take(name)
	if value == nil {
		return ""
	}
	var text string
	switch {
	case json.Unmarshal(value, &text) != nil:
		o.mistake(name, "must be a string")
	case hasHalf(value):
		o.mistake(name, "must not have half of a surrogate pair")
	}
	return text
}

// Strings reads an array of strings.
func (o *Object) Strings(name string) []string {
	value := o.take(name)
	if value == nil {
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil {
		o.mistake(name, "must be an array of strings")
		return nil
	}
	texts := make([]string, len(items))
	for i, item := range items {
		path := fmt.Sprintf("%s[%d]", name, i)
		switch {
		// Unmarshal would take null for a string.
		case item[0] != '"' || json.Unmarshal(item, &texts[i]) != nil:
			o.mistake(path, "must be a string")
		case hasHalf(item):
			o.mistake(path, "must not have half of a surrogate pair")
		}
		if len(*o.found) > mostMistakes {
			break
		}
	}
	return texts
}

// Int reads a whole number.
func (o *Object) Int(name string) int {
	value := o.take(name)
	if value == nil {
		return 0
	}
	var number int
	if json.Unmarshal(value, &number) != nil {
		o.mistake(name, "must be a whole number")
	}
	return number
}

// hasHalf says whether a JSON string has an escape for half of a character.
// encoding/json would put something else in its place.
func hasHalf(value json.RawMessage) bool {
	high := rune(-1)
	for i := 0; i < len(value); i++ {
		low := rune(-1)
		if value[i] == '\\' {
			i++
			if value[i] == 'u' {
				// The document was found to be JSON before, so there are four digits.
				code, _ := strconv.ParseUint(string(value[i+1:i+5]), 16, 16)
				i += 4
				if utf16.IsSurrogate(rune(code)) {
					low = rune(code)
				}
			}
		}
		switch paired := high >= 0 && utf16.DecodeRune(high, low) != utf8.RuneError; {
		case paired:
			high = -1
		case high >= 0:
			return true
		default:
			high = low
		}
	}
	return false
}

// Objects reads an array of objects, each with the function read. Mistakes in
// more than a hundred of them are not told apart: reading stops there.
func (o *Object) Objects(name string, read func(*Object)) {
	value := o.take(name)
	if value == nil {
		return
	}
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil {
		o.mistake(name, "must be an array of objects")
		return
	}
	for i, item := range items {
		if len(*o.found) > mostMistakes {
			return
		}
		object(item, fmt.Sprintf("%s[%d]", o.at(name), i), o.found, read)
	}
}

// Fail adds a mistake that only the caller can see, such as a string that is
// not a duration.
func (o *Object) Fail(name, detail string) { o.mistake(name, detail) }
