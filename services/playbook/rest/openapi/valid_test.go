package openapi_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi/openapitest"
)

// The document is what it says that it is, and the test would see it otherwise.
func TestDocumentIsValid(t *testing.T) {
	if _, err := openapitest.Parse(openapi.Document); err != nil {
		t.Error(err)
	}
	for what, wrong := range map[string]string{
		"a response that lacks its description": `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/":{"get":{"responses":{"200":{"content":{}}}}}}}`,
		"another version":                       `{"openapi":"3.0.0","info":{"title":"t","version":"1"},"paths":{}}`,
		"a reference to nothing":                `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/":{"get":{"responses":{"200":{"$ref":"#/components/responses/X"}}}}}}`,
		"a schema of an unknown type":           `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{},"components":{"schemas":{"X":{"type":"strnig"}}}}`,
	} {
		if _, err := openapitest.Parse([]byte(wrong)); err == nil {
			t.Errorf("a document with %s is valid", what)
		}
	}
}

// Each example is one of what it is an example of.
func TestExamples(t *testing.T) {
	document, err := openapitest.Parse(openapi.Document)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	check := func(place openapitest.Place, content openapi3.Content) {
		for kind, media := range content {
			if media.Example == nil {
				continue
			}
			checked++
			if err := document.CheckStrictly(place.In("content", kind, "schema"), plain(t, media.Example)); err != nil {
				t.Errorf("%v, %s: %v", place, kind, err)
			}
		}
	}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			place := openapitest.Place{"paths", path, strings.ToLower(method)}
			if body := operation.RequestBody; body != nil {
				check(openapitest.At(body.Ref, place.In("requestBody")...), body.Value.Content)
			}
			for status, response := range operation.Responses.Map() {
				check(openapitest.At(response.Ref, place.In("responses", status)...), response.Value.Content)
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d examples were found", checked)
	}
	playbook := openapitest.Place{"components", "schemas", "Playbook"}
	if document.Check(playbook, plain(t, map[string]any{"id": 1})) == nil {
		t.Error("a wrong example passes")
	}
}

// plain returns a value as it is when read from JSON.
func plain(t *testing.T, value any) any {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	read, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return read
}
