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
	"strings"
)

// mostMistakes ends the reading of an array: a short request must not make a long
// answer.
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
	if json.Unmarshal(value, &text) != nil {
		o.mistake(name, "must be a string")
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
		// Unmarshal would take null for a string.
		if item[0] == '"' && json.Unmarshal(item, &texts[i]) == nil {
			continue
		}
		o.mistake(fmt.Sprintf("%s[%d]", name, i), "must be a string")
		if len(*o.found) > mostMistakes {
			break
		}
	}
	return texts
}

// Objects reads an array of objects, each with the function read.
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
