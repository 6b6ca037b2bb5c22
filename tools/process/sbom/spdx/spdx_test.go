package spdx_test

import (
	"bytes"
	"runtime/debug"
	"strings"
	"testing"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/soketsugo/soketsugo/tools/process/sbom/spdx"
)

func program() *debug.BuildInfo {
	return &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Path:      "github.com/soketsugo/soketsugo/services/playbook/rest",
		Deps: []*debug.Module{
			{Path: "github.com/gorilla/mux", Version: "v1.8.1", Sum: "h1:abc="},
			{Path: "github.com/BurntSushi/toml", Version: "v1.4.1-0.2024+incompatible"},
			{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/new", Version: "v2.0.0"}},
		},
	}
}

func image() spdx.Image {
	return spdx.Image{
		Name: "playbook-rest", Version: "0.1.0", Digest: strings.Repeat("a", 64),
		Source: "https://github.com/soketsugo/soketsugo",
	}
}

// The SPDX project's own library reads the document, and finds all that is in the
// image: the program, the Go release and the modules, a replacement for what it
// replaces.
func TestOf(t *testing.T) {
	content, err := spdx.Of(image(), program()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	document, err := spdxjson.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(document); err != nil {
		t.Error(err)
	}
	described, err := spdxlib.GetDescribedPackageIDs(document)
	if err != nil || len(described) != 1 || described[0] != "Image" {
		t.Errorf("the document describes %q, %v", described, err)
	}
	want := map[string]string{
		"playbook-rest": "pkg:oci/playbook-rest@sha256%3A" + strings.Repeat("a", 64),
		"github.com/soketsugo/soketsugo/services/playbook/rest": "pkg:golang/github.com/soketsugo/soketsugo/services/playbook/rest@0.1.0",
		"go":                         "pkg:golang/stdlib@1.26.8",
		"github.com/gorilla/mux":     "pkg:golang/github.com/gorilla/mux@v1.8.1",
		"github.com/BurntSushi/toml": "pkg:golang/github.com/BurntSushi/toml@v1.4.1-0.2024+incompatible",
		"example.com/new":            "pkg:golang/example.com/new@v2.0.0",
	}
	if len(document.Packages) != len(want) {
		t.Errorf("%d packages, want %d", len(document.Packages), len(want))
	}
	for _, found := range document.Packages {
		if len(found.PackageExternalReferences) != 1 || found.PackageExternalReferences[0].Locator != want[found.PackageName] {
			t.Errorf("%s: %+v, want %s", found.PackageName, found.PackageExternalReferences, want[found.PackageName])
		}
		if found.PackageDownloadLocation != "NOASSERTION" {
			t.Errorf("%s: the download location is %s", found.PackageName, found.PackageDownloadLocation)
		}
	}
}

// The same image has the same document, in whatever order its modules are listed.
func TestSame(t *testing.T) {
	first, err := spdx.Of(image(), program()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	other := program()
	other.Deps[0], other.Deps[1] = other.Deps[1], other.Deps[0]
	second, err := spdx.Of(image(), other).JSON()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Errorf("the documents differ:\n%s\n%s", first, second)
	}
}
