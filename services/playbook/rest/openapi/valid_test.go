package openapi_test

import (
	"encoding/json"
	"testing"

	"github.com/pb33f/go-yaml"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi"
)

// model reads a document, which must be valid OpenAPI 3.1.
func model(t *testing.T, data []byte) (*v3.Document, bool) {
	t.Helper()
	document, err := libopenapi.NewDocument(data)
	if err != nil {
		t.Fatal(err)
	}
	checker, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	valid, mistakes := checker.ValidateDocument()
	for _, mistake := range mistakes {
		t.Logf("%v", mistake)
	}
	built, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	return &built.Model, valid
}

// The document is what it says that it is, and the test would see it otherwise.
func TestDocumentIsValid(t *testing.T) {
	if _, valid := model(t, openapi.Document); !valid {
		t.Error("the document is not valid")
	}
	if _, valid := model(t, []byte(`{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/":{"get":{"responses":{"200":{"content":{}}}}}}}`)); valid {
		t.Error("a document with a response that lacks its description is valid")
	}
}

// Each example is one of what it is an example of.
func TestExamples(t *testing.T) {
	document, _ := model(t, openapi.Document)
	checker := schema_validation.NewSchemaValidator()
	checked := 0
	check := func(where string, content *orderedmap.Map[string, *v3.MediaType]) {
		for kind, media := range content.FromOldest() {
			if media.Example == nil {
				continue
			}
			checked++
			if mistakes := against(t, checker, media.Schema.Schema(), media.Example); len(mistakes) > 0 {
				t.Errorf("%s, %s: %v", where, kind, mistakes)
			}
		}
	}
	for path, item := range document.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			where := method + " " + path
			if operation.RequestBody != nil {
				check(where, operation.RequestBody.Content)
			}
			for status, response := range operation.Responses.Codes.FromOldest() {
				check(where+" "+status, response.Content)
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d examples were found", checked)
	}
	playbook := document.Components.Schemas.GetOrZero("Playbook").Schema()
	var wrong yaml.Node
	if err := yaml.Unmarshal([]byte(`{"id":1}`), &wrong); err != nil {
		t.Fatal(err)
	}
	if len(against(t, checker, playbook, &wrong)) == 0 {
		t.Error("a wrong example passes")
	}
}

// against returns what is wrong with an example.
func against(t *testing.T, checker schema_validation.SchemaValidator, schema *base.Schema, example *yaml.Node) []string {
	t.Helper()
	var value any
	if err := example.Decode(&value); err != nil {
		t.Fatal(err)
	}
	// Through JSON, so that a number is what JSON has.
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	if _, mistakes := checker.ValidateSchemaBytesWithVersion(schema, data, 3.1); len(mistakes) > 0 {
		for _, mistake := range mistakes {
			found = append(found, mistake.Error())
		}
	}
	return found
}
