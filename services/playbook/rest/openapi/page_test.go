package openapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html/template"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi"
)

var update = flag.Bool("update", false, "rewrite docs.html")

// The page says what the document says. It is made here, so that no template
// engine gets into the image.
func TestPage(t *testing.T) {
	var doc document
	if err := json.Unmarshal(openapi.Document, &doc); err != nil {
		t.Fatal(err)
	}
	page, err := template.New("docs.html.tmpl").Funcs(template.FuncMap{
		"lower": strings.ToLower, "paragraphs": paragraphs, "text": text, "indented": indented, "type": kind,
	}).ParseFiles("testdata/docs.html.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := page.Execute(&got, doc); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("docs.html", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("docs.html")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.String(), string(have)); diff != "" {
		t.Errorf("docs.html differs from openapi.json; `go test` with -update in the folder of this test rewrites it (-want +got):\n%s", diff)
	}
}

// document is what the page shows of the document.
type document struct {
	OpenAPI    string
	Info       struct{ Title, Version, Summary, Description string }
	Tags       []struct{ Name, Description string }
	Security   []map[string][]string
	Paths      ordered[ordered[json.RawMessage]]
	Components struct {
		Schemas    ordered[schema]
		Parameters map[string]parameter
		Responses  map[string]answer
	}
}

type reference struct {
	Ref string `json:"$ref"`
}

// name returns what is referred to.
func (r reference) name() string { return r.Ref[strings.LastIndexByte(r.Ref, '/')+1:] }

type operation struct {
	Tags                              []string
	OperationID, Summary, Description string
	Security                          []map[string][]string
	Parameters                        []parameter
	RequestBody                       struct{ Content ordered[media] }
	Responses                         ordered[answer]

	// These are not part of it in the document.
	Method, Path string
}

type parameter struct {
	reference
	Name, In, Description string
	Required              bool
}

type answer struct {
	reference
	Description string
	Headers     ordered[json.RawMessage]
	Content     ordered[media]
}

type media struct {
	Schema  schema
	Example json.RawMessage
}

type schema struct {
	reference
	Type                         any
	Format, Description, Pattern string
	Enum                         []string
	Minimum, MinLength           *int
	Maximum, MaxLength, MaxItems *int
	Items                        *schema
	Required                     []string
	Properties                   ordered[schema]
}

// ordered is a JSON object whose order matters to readers.
type ordered[V any] []struct {
	Name  string
	Value V
}

// UnmarshalJSON reads an object.
func (o *ordered[V]) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		entry := struct {
			Name  string
			Value V
		}{Name: fmt.Sprint(token)}
		if err := decoder.Decode(&entry.Value); err != nil {
			return fmt.Errorf("%s: %w", entry.Name, err)
		}
		*o = append(*o, entry)
	}
	return nil
}

// Operations returns what can be done under a tag, with references followed.
func (d document) Operations(tag string) ([]operation, error) {
	var found []operation
	for _, path := range d.Paths {
		var shared []parameter
		for _, item := range path.Value {
			if item.Name == "parameters" {
				if err := json.Unmarshal(item.Value, &shared); err != nil {
					return nil, err
				}
				continue
			}
			o := operation{Method: strings.ToUpper(item.Name), Path: path.Name, Security: d.Security}
			if err := json.Unmarshal(item.Value, &o); err != nil {
				return nil, fmt.Errorf("%s %s: %w", o.Method, o.Path, err)
			}
			o.Parameters = slices.Concat(shared, o.Parameters)
			for i, p := range o.Parameters {
				if p.Ref != "" {
					o.Parameters[i] = d.Components.Parameters[p.name()]
				}
			}
			for i, response := range o.Responses {
				if response.Value.Ref != "" {
					o.Responses[i].Value = d.Components.Responses[response.Value.name()]
				}
			}
			if slices.Contains(o.Tags, tag) {
				found = append(found, o)
			}
		}
	}
	return found, nil
}

// Needs says what a caller needs.
func (o operation) Needs() string {
	var schemes []string
	for _, alternative := range o.Security {
		for scheme, scopes := range alternative {
			schemes = append(schemes, strings.TrimSpace(scheme+" "+strings.Join(scopes, ", ")))
		}
	}
	if len(schemes) == 0 {
		return "Needs no key."
	}
	return "Needs: " + strings.Join(schemes, " or ") + "."
}

// HeaderNames returns the headers of an answer.
func (a answer) HeaderNames() string {
	var names []string
	for _, header := range a.Headers {
		names = append(names, header.Name)
	}
	return strings.Join(names, ", ")
}

// Requires says whether an object must have a field.
func (s schema) Requires(field string) bool { return slices.Contains(s.Required, field) }

// kind says what a value can be; the names of objects are links.
func kind(s schema) template.HTML {
	if s.Ref != "" {
		name := template.HTMLEscapeString(s.name())
		return template.HTML(`<a href="#` + name + `">` + name + `</a>`)
	}
	words := []string{template.HTMLEscapeString(typeName(s.Type))}
	if s.Items != nil {
		words = []string{"list of " + string(kind(*s.Items))}
	}
	bound := func(name string, value *int) {
		if value != nil {
			words = append(words, fmt.Sprintf("%s %d", name, *value))
		}
	}
	if s.Format != "" {
		words = append(words, template.HTMLEscapeString(s.Format))
	}
	bound("from", s.Minimum)
	bound("to", s.Maximum)
	bound("length from", s.MinLength)
	bound("length to", s.MaxLength)
	bound("at most", s.MaxItems)
	if s.Pattern != "" {
		words = append(words, "<code>"+template.HTMLEscapeString(s.Pattern)+"</code>")
	}
	for _, value := range s.Enum {
		words = append(words, "<code>"+template.HTMLEscapeString(value)+"</code>")
	}
	return template.HTML(strings.Join(words, ", "))
}

// typeName is a name, or several.
func typeName(kind any) string {
	names, several := kind.([]any)
	if !several {
		return fmt.Sprint(kind)
	}
	var texts []string
	for _, name := range names {
		texts = append(texts, fmt.Sprint(name))
	}
	return strings.Join(texts, " or ")
}

var code = regexp.MustCompile("`([^`]*)`")

// text shows what is between backticks as code.
func text(description string) template.HTML {
	return template.HTML(code.ReplaceAllString(template.HTMLEscapeString(description), "<code>$1</code>"))
}

func paragraphs(description string) []string {
	if description == "" {
		return nil
	}
	return strings.Split(description, "\n\n")
}

func indented(raw json.RawMessage) (string, error) {
	var out bytes.Buffer
	err := json.Indent(&out, raw, "", "  ")
	return out.String(), err
}
