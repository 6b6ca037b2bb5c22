package jqjson_test

import (
	"testing"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/jqjson"
)

// The want column is what `jq .` prints for the same value.
func TestPrint(t *testing.T) {
	set := func(pairs ...any) *jqjson.Object {
		object := jqjson.NewObject()
		for i := 0; i < len(pairs); i += 2 {
			object.Set(pairs[i].(string), pairs[i+1])
		}
		return object
	}
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"empty object", set(), `{}`},
		{"empty list", []string{}, `[]`},
		{"order of setting", set("b", 1, "a", "x"), "{\n  \"b\": 1,\n  \"a\": \"x\"\n}"},
		{"a key keeps its place", set("b", 1, "a", 2, "b", 3), "{\n  \"b\": 3,\n  \"a\": 2\n}"},
		{"nesting", set("a", []any{set("b", set())}), "{\n  \"a\": [\n    {\n      \"b\": {}\n    }\n  ]\n}"},
		{"no HTML escapes", "<a> & 疎結合", `"<a> & 疎結合"`},
		{"escapes", "\"\\\n\t", `"\"\\\n\t"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := jqjson.Print(test.value)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// Texts that the two programs print alike pass; the others are refused.
func TestCheckText(t *testing.T) {
	for text, ok := range map[string]bool{
		"plain":           true,
		"two\nlines\tend": true,
		"疎結合":             true,
		"delete \x7f":     false,
		"bell \a":         false,
		"line \u2028":     false,
		"latin1 \xe9":     false,
	} {
		if err := jqjson.CheckText(text); (err == nil) != ok {
			t.Errorf("CheckText(%q) = %v", text, err)
		}
	}
}
