// Package openapitest holds JSON against an OpenAPI 3.1 document. The schemas of
// one are JSON Schema 2020-12, for which it uses a library.
package openapitest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Document is a valid OpenAPI 3.1 document.
type Document struct {
	*openapi3.T
	schemas, strict *jsonschema.Compiler
}

// Parse reads a document and says what is wrong with it.
func Parse(data []byte) (*Document, error) {
	model, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	if !model.IsOpenAPI31OrLater() {
		return nil, fmt.Errorf("the document is of OpenAPI %s, not of 3.1", model.OpenAPI)
	}
	if err := model.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("validating the document: %w", err)
	}
	d := &Document{T: model}
	if d.schemas, err = compiler(data, false); err != nil {
		return nil, err
	}
	d.strict, err = compiler(data, true)
	return d, err
}

// name is what the schemas call the document.
const name = "openapi.json"

// compiler returns what finds schemas in the document. Strict ones refuse every
// member of an object that they do not mention.
func compiler(data []byte, strict bool) (*jsonschema.Compiler, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	if strict {
		refuseUnmentioned(document)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(name, document); err != nil {
		return nil, fmt.Errorf("reading the schemas: %w", err)
	}
	return compiler, nil
}

// refuseUnmentioned closes every schema of an object that lists members.
func refuseUnmentioned(value any) {
	switch value := value.(type) {
	case map[string]any:
		_, listed := value["properties"].(map[string]any)
		_, decided := value["additionalProperties"]
		if listed && !decided {
			value["additionalProperties"] = false
		}
		for _, member := range value {
			refuseUnmentioned(member)
		}
	case []any:
		for _, item := range value {
			refuseUnmentioned(item)
		}
	}
}

// A Place is where something is in a document: the names on the way to it.
type Place []string

// At returns the place of something that a reference, such as
// "#/components/responses/Invalid", may put elsewhere than at the names.
func At(reference string, names ...string) Place {
	if rest, ok := strings.CutPrefix(reference, "#/"); ok {
		return strings.Split(rest, "/")
	}
	return names
}

// In returns the place of something inside.
func (p Place) In(names ...string) Place {
	return append(p[:len(p):len(p)], names...)
}

// Check says what is wrong with a value, as jsonschema.UnmarshalJSON gives it, by
// the schema at a place.
func (d *Document) Check(schema Place, value any) error {
	return check(d.schemas, schema, value)
}

// CheckStrictly is Check, but refuses also the members of objects that the document
// does not mention.
func (d *Document) CheckStrictly(schema Place, value any) error {
	return check(d.strict, schema, value)
}

func check(schemas *jsonschema.Compiler, place Place, value any) error {
	var pointer strings.Builder
	for _, name := range place {
		pointer.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name)))
	}
	schema, err := schemas.Compile(name + "#" + pointer.String())
	if err != nil {
		return fmt.Errorf("reading the schema at %s: %w", pointer.String(), err)
	}
	return schema.Validate(value)
}
