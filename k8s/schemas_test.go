package k8s_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yannh/kubeconform/pkg/validator"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/yaml"
)

// Everything conforms to the schemas of the API as kubeconform judges it: nothing
// that is required is missing, which the typed API does not notice.
func TestSchemas(t *testing.T) {
	conform := conformer(t)
	documents := map[string][]byte{}
	for _, m := range manifests(t) {
		for _, object := range m.objects {
			content, err := yaml.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			documents[object.GetObjectKind().GroupVersionKind().Kind] = content
		}
		results := conform(m.content)
		if len(results) != len(m.objects) {
			t.Errorf("%s of %s: kubeconform judged %d objects of %d", m.target, m.process, len(results), len(m.objects))
		}
		for _, result := range results {
			if result.Status != validator.Valid {
				t.Errorf("%s of %s: %v", m.target, m.process, result.Err)
			}
		}
	}
	// It would notice.
	for _, test := range []struct {
		kind, what string
		spoil      func(document map[string]any)
		want       string
	}{
		{"Deployment", "a required field", func(d map[string]any) { delete(inside(d, "spec"), "selector") }, "missing property 'selector'"},
		{"Deployment", "a wrong type", func(d map[string]any) { inside(d, "spec")["replicas"] = "two" }, "got string, want integer"},
		{"Deployment", "an unknown field", func(d map[string]any) { inside(d, "spec")["replica"] = 2 }, "'replica' not allowed"},
		{"Job", "a required field", func(d map[string]any) { delete(inside(d, "spec"), "template") }, "missing property 'template'"},
		{"HorizontalPodAutoscaler", "a required field", func(d map[string]any) { delete(inside(d, "spec"), "maxReplicas") }, "missing property 'maxReplicas'"},
		{"NetworkPolicy", "a wrong type", func(d map[string]any) { inside(d, "spec")["policyTypes"] = "Egress" }, "got string, want array"},
		{"Service", "an unknown field", func(d map[string]any) { inside(d, "spec")["port"] = 80 }, "'port' not allowed"},
		{"HTTPRoute", "a wrong type", func(d map[string]any) { inside(d, "spec")["hostnames"] = "example.com" }, "got string, want array"},
		{"HTTPRoute", "an unknown field", func(d map[string]any) { inside(d, "spec")["hosts"] = []string{"example.com"} }, "'hosts' not allowed"},
	} {
		var document map[string]any
		if err := yaml.Unmarshal(documents[test.kind], &document); err != nil || document == nil {
			t.Fatalf("there is no %s: %v", test.kind, err)
		}
		delete(document, "status")
		test.spoil(document)
		content, err := yaml.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		results := conform(content)
		if len(results) != 1 || results[0].Status != validator.Invalid || !strings.Contains(results[0].Err.Error(), test.want) {
			t.Errorf("%s in a %s: got %+v, want %q", test.what, test.kind, results, test.want)
		}
	}
}

// inside returns the object in a field of another.
func inside(document map[string]any, field string) map[string]any {
	value, _ := document[field].(map[string]any)
	return value
}

// conformer returns kubeconform with the schemas that the modules of this
// repository bring, as a test has no internet.
func conformer(t *testing.T) func(content []byte) []validator.Result {
	t.Helper()
	folder := t.TempDir()
	builtIn(t, folder)
	custom(t, folder)
	judge, err := validator.New([]string{filepath.Join(folder, "{{.ResourceKind}}{{.KindSuffix}}.json")}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return func(content []byte) []validator.Result {
		return judge.ValidateWithContext(t.Context(), "manifests", io.NopCloser(bytes.NewReader(content)))
	}
}

// builtIn writes the schemas of Kubernetes' own kinds: those of 1.27, which are
// what k8s.io/kube-openapi is tested with.
func builtIn(t *testing.T, folder string) {
	t.Helper()
	const definitions = "definitions.json"
	var api spec.Swagger
	if err := json.Unmarshal(read(t, "SWAGGER"), &api); err != nil {
		t.Fatal(err)
	}
	// What changed later; the typed API knows it.
	api.Definitions["io.k8s.api.batch.v1.JobSpec"].Properties["podReplacementPolicy"] = *spec.StringProperty()
	rule := api.Definitions["io.k8s.api.batch.v1.PodFailurePolicyRule"]
	rule.Required = []string{"action"}
	api.Definitions["io.k8s.api.batch.v1.PodFailurePolicyRule"] = rule
	// JSON has numbers for it too.
	api.Definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"string", "number"}}}
	api.Definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"string", "integer"}}}
	for name, definition := range api.Definitions {
		strict(&definition)
		api.Definitions[name] = definition
		var kinds []struct{ Group, Version, Kind string }
		if err := definition.Extensions.GetObject("x-kubernetes-group-version-kind", &kinds); err != nil {
			t.Fatal(err)
		}
		for _, kind := range kinds {
			write(t, folder, fileName(kind.Group, kind.Version, kind.Kind), spec.RefSchema(definitions+"#/definitions/"+name))
		}
	}
	write(t, folder, definitions, spec.Schema{SchemaProps: spec.SchemaProps{Definitions: api.Definitions}})
}

// custom writes the schemas of a CustomResourceDefinition.
func custom(t *testing.T, folder string) {
	t.Helper()
	var definition struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema spec.Schema }
			}
		}
	}
	if err := yaml.Unmarshal(read(t, "HTTPROUTE"), &definition); err != nil {
		t.Fatal(err)
	}
	for _, version := range definition.Spec.Versions {
		strict(&version.Schema.OpenAPIV3Schema)
		write(t, folder, fileName(definition.Spec.Group, version.Name, definition.Spec.Names.Kind), version.Schema.OpenAPIV3Schema)
	}
}

// strict lets an object have its properties and no others.
func strict(schema *spec.Schema) {
	if schema == nil {
		return
	}
	// It would be most of what is read for each kind.
	schema.Description = ""
	if len(schema.Properties) > 0 && schema.AdditionalProperties == nil {
		schema.AdditionalProperties = &spec.SchemaOrBool{}
	}
	for name, property := range schema.Properties {
		strict(&property)
		schema.Properties[name] = property
	}
	if schema.Items != nil {
		strict(schema.Items.Schema)
	}
	if schema.AdditionalProperties != nil {
		strict(schema.AdditionalProperties.Schema)
	}
}

// fileName is where kubeconform looks for a kind.
func fileName(group, version, kind string) string {
	name := kind
	if first, _, _ := strings.Cut(group, "."); first != "" {
		name += "-" + first
	}
	return strings.ToLower(name + "-" + version + ".json")
}

// read returns the file that a variable of the test names.
func read(t *testing.T, variable string) []byte {
	t.Helper()
	content, err := os.ReadFile(files(t, variable)[0])
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, folder, name string, schema any) {
	t.Helper()
	content, err := json.Marshal(schema)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), content, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
