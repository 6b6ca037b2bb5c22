package source_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soketsugo/soketsugo/tools/protogen/source"
)

// Only the folder's files are compiled, with what they import from the root, and
// with their comments.
func TestCompile(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a/b.proto": "syntax = \"proto3\";\npackage a;\nimport \"google/protobuf/duration.proto\";\nimport \"c/d.proto\";\n\n// M is a message.\nmessage M { c.D d = 1; }\n",
		"c/d.proto": "syntax = \"proto3\";\npackage c;\nmessage D {}\n",
		"e/f.proto": "this is no proto",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := source.Compile(t.Context(), root, "a")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, descriptor := range source.Descriptors(tree.Files) {
		names = append(names, descriptor.GetName())
	}
	if diff := cmp.Diff([]string{"google/protobuf/duration.proto", "c/d.proto", "a/b.proto"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]source.UnusedImport{{Path: "a/b.proto", Line: 3, Import: "google/protobuf/duration.proto"}}, tree.UnusedImports); diff != "" {
		t.Errorf("unused imports (-want +got):\n%s", diff)
	}
	message := tree.Files[0].Messages().Get(0)
	if got := tree.Files[0].SourceLocations().ByDescriptor(message).LeadingComments; got != " M is a message.\n" {
		t.Errorf("comment: got %q", got)
	}
	for _, folder := range []string{"e", "nowhere", "."} {
		if _, err := source.Compile(t.Context(), root, folder); err == nil {
			t.Errorf("%q: got no error", folder)
		}
	}
	if _, err := source.Compile(t.Context(), t.TempDir(), "."); err == nil {
		t.Error("a folder without .proto files: got no error")
	}
}
