// Package pgreplay records what a program says to PostgreSQL and what it is
// answered, and says it again later, to a database with another schema. Equal
// answers show that the program, as it was, works on that schema too.
package pgreplay

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Recording is what a program said, in the order in which it was answered. It
// may have used several databases.
type Recording []Exchange

// Exchange is what one connection sent until it waited for an answer, and the
// answers.
type Exchange struct {
	// Database is the name that the recorder was given.
	Database string `json:"database"`
	// Connection is numbered from 1 in each database.
	Connection int `json:"connection"`
	// Settings are those that the connection was opened with. The first exchange
	// of a connection has them.
	Settings map[string]string `json:"settings,omitempty"`
	Sent     []Request         `json:"sent"`
	Answers  []Answer          `json:"answers"`
}

// Request is a message from a client. The protocol's Sync, which ends all but
// simple queries, is left out.
type Request struct {
	// Message is its name in the protocol: Query, Parse, Bind, Describe, Execute
	// or Close.
	Message string `json:"message"`
	// SQL is that of a Query or a Parse.
	SQL       string `json:"sql,omitempty"`
	Statement string `json:"statement,omitempty"`
	Portal    string `json:"portal,omitempty"`
	// Of is S or P: whether Describe and Close are about a statement or a portal.
	Of string `json:"of,omitempty"`
	// Types are the object IDs of those types that Parse decides.
	Types         []uint32 `json:"types,omitempty"`
	Values        []Value  `json:"values,omitempty"`
	Formats       []int16  `json:"formats,omitempty"`
	ResultFormats []int16  `json:"result_formats,omitempty"`
	MaxRows       uint32   `json:"max_rows,omitempty"`
}

// Answer is what a message from the server comes to. What a program gets to see
// is in it; the wording of errors, which it only logs, is not.
type Answer struct {
	// Parameters are the types of a statement's parameters.
	Parameters []string `json:"parameters,omitempty"`
	Columns    []Column `json:"columns,omitempty"`
	Row        []Value  `json:"row,omitempty"`
	// Tag is the command tag, such as INSERT 0 1.
	Tag string `json:"tag,omitempty"`
	// Error is a code of five characters, Constraint the one that it is about.
	Error      string `json:"error,omitempty"`
	Constraint string `json:"constraint,omitempty"`

	// text is the error's.
	text string
}

// Column is a column of a result.
type Column struct {
	Name string `json:"name"`
	// Type is its name, since object IDs of a schema's own types vary.
	Type string `json:"type"`
}

// Value is what the wire carries, nil for NULL. In a file it is text where it can
// be read, and otherwise \x and hexadecimal digits, as PostgreSQL writes bytes.
type Value []byte

const hexPrefix = `\x`

// MarshalJSON returns null or a string.
func (v Value) MarshalJSON() ([]byte, error) {
	if v == nil {
		return []byte("null"), nil
	}
	unreadable := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	text := string(v)
	if !utf8.Valid(v) || strings.HasPrefix(text, hexPrefix) || strings.ContainsFunc(text, unreadable) {
		text = hexPrefix + hex.EncodeToString(v)
	}
	return json.Marshal(text)
}

// UnmarshalJSON is the opposite of MarshalJSON.
func (v *Value) UnmarshalJSON(data []byte) error {
	var text *string
	if err := json.Unmarshal(data, &text); err != nil || text == nil {
		*v = nil
		return err
	}
	digits, isHex := strings.CutPrefix(*text, hexPrefix)
	if !isHex {
		*v = Value(*text)
		return nil
	}
	decoded, err := hex.DecodeString(digits)
	// Not nil, even when empty: that would be NULL.
	*v = append(Value{}, decoded...)
	return err
}

// Read reads a file that Encode wrote.
func Read(file io.Reader) (Recording, error) {
	var recording Recording
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	for {
		var exchange Exchange
		err := decoder.Decode(&exchange)
		if errors.Is(err, io.EOF) {
			return recording, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading exchange %d of a recording: %w", len(recording)+1, err)
		}
		recording = append(recording, exchange)
	}
}

// Encode returns the recording as a file: JSON, one exchange to a line.
func (r Recording) Encode() ([]byte, error) {
	var file bytes.Buffer
	encoder := json.NewEncoder(&file)
	encoder.SetEscapeHTML(false)
	for _, exchange := range r {
		if err := encoder.Encode(exchange); err != nil {
			return nil, fmt.Errorf("writing a recording: %w", err)
		}
	}
	return file.Bytes(), nil
}

// Databases returns the names of the databases, in the order of their first use.
func (r Recording) Databases() []string {
	var names []string
	for _, exchange := range r {
		if !slices.Contains(names, exchange.Database) {
			names = append(names, exchange.Database)
		}
	}
	return names
}

// Statements returns each statement once, sorted.
func (r Recording) Statements() []string {
	found := map[string]bool{}
	for _, exchange := range r {
		for _, request := range exchange.Sent {
			if request.SQL != "" {
				found[request.SQL] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
