// Package jqjson prints JSON as jq does: two spaces a level, keys in the order in which they were set, nothing
// escaped that JSON does not make it escape.
package jqjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Object is a JSON object that keeps its keys in the order in which they were first set.
type Object struct {
	keys   []string
	values map[string]any
}

// NewObject returns an object without keys.
func NewObject() *Object {
	return &Object{values: map[string]any{}}
}

// Set gives the key a value. A key that was set before keeps its place.
func (o *Object) Set(key string, value any) {
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

// MarshalJSON implements json.Marshaler.
func (o *Object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, key := range o.keys {
		if i > 0 {
			out.WriteByte(',')
		}
		for _, part := range []any{key, o.values[key]} {
			raw, err := encode(part)
			if err != nil {
				return nil, fmt.Errorf("printing key %q: %w", key, err)
			}
			out.Write(raw)
			out.WriteByte(':')
		}
		out.Truncate(out.Len() - 1)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// Print returns the value as jq prints it, without jq's line end.
func Print(value any) ([]byte, error) {
	raw, err := encode(value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("indenting: %w", err)
	}
	return out.Bytes(), nil
}

// CheckText reports an error if the text has a character that this package and jq print differently.
func CheckText(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%q is not UTF-8", text)
	}
	for _, r := range text {
		if (r < ' ' && r != '\n' && r != '\t') || r == 0x7f || r == 0x2028 || r == 0x2029 {
			return fmt.Errorf("%q has the control character %U, which cannot be written as rules_oci writes it: take it out", text, r)
		}
	}
	return nil
}

func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
