package child

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Line is a line of a process's log.
type Line struct {
	// Raw is the line as it was written.
	Raw string
	// Level and Message are empty when the line is not JSON.
	Level   string
	Message string
	// Attributes are the others, in the order of the line.
	Attributes []Attribute
}

// Attribute is a key of a log line and its value as text.
type Attribute struct {
	Key   string
	Value string
}

// Get returns the value of an attribute, or an empty string.
func (l Line) Get(key string) string {
	for _, attribute := range l.Attributes {
		if attribute.Key == key {
			return attribute.Value
		}
	}
	return ""
}

// Text returns the message and the attributes in a form for people.
func (l Line) Text() string {
	if l.Message == "" {
		return l.Raw
	}
	var text strings.Builder
	text.WriteString(l.Message)
	for _, attribute := range l.Attributes {
		text.WriteString(" " + attribute.Key + "=")
		if attribute.Value == "" || strings.ContainsAny(attribute.Value, " \"\n") {
			fmt.Fprintf(&text, "%q", attribute.Value)
		} else {
			text.WriteString(attribute.Value)
		}
	}
	return text.String()
}

// parse reads a line as log/slog writes it. What is not like that, such as a
// crash's stack, keeps its raw form only.
func parse(raw string) Line {
	line := Line{Raw: raw}
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return line
	}
	parsed := line
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return line
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return line
		}
		text := string(value)
		// A value that is not a string is shown as it was written.
		_ = json.Unmarshal(value, &text)
		switch key {
		case "time":
		case "level":
			parsed.Level = text
		case "msg":
			parsed.Message = text
		default:
			parsed.Attributes = append(parsed.Attributes, Attribute{Key: fmt.Sprint(key), Value: text})
		}
	}
	return parsed
}
