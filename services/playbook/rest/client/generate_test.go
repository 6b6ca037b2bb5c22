package client_test

import (
	"flag"
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi"
)

var update = flag.Bool("update", false, "rewrite client.gen.go")

// The client is what the generator makes of the document.
func TestGenerated(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(openapi.Document)
	if err != nil {
		t.Fatal(err)
	}
	// The name of a version would change the file with every release of the tool.
	none := ""
	got, err := codegen.Generate(document, codegen.Configuration{
		PackageName:          "client",
		Generate:             codegen.GenerateOptions{Client: true, Models: true},
		NoVCSVersionOverride: &none,
	}.UpdateDefaults())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("client.gen.go", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("client.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, string(have)); diff != "" {
		t.Errorf("client.gen.go differs from what is generated; `go test` with -update in the folder of this test rewrites it (-want +got):\n%s", diff)
	}
}
