package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/soketsugo/soketsugo/tools/protogen/source"
)

var update = flag.Bool("update", false, "write what the check says into testdata")

// The API of the playbook service keeps the rules, and breaks no client of the
// last release.
func TestPlaybook(t *testing.T) {
	t.Chdir("../..")
	if err := run(t.Context(), []string{"--root", "libs", "--api", "playbook/api"}, io.Discard); err != nil {
		t.Error(err)
	}
}

// Each file of testdata holds an API as it was agreed and as it is now, or just
// now, and what the check says.
func TestOutput(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("looking for cases: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			file, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			last := &archive.Files[len(archive.Files)-1]
			if last.Name != "output" {
				t.Fatalf("the last part is %q", last.Name)
			}
			got := check(t, archive)
			if *update {
				last.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(strings.SplitAfter(string(last.Data), "\n"), strings.SplitAfter(got, "\n")); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

// check unpacks a case and returns what the check says of it.
func check(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	unpack(t, archive)
	before := "agreed"
	if _, err := os.Stat(before); err != nil {
		before = "now"
	}
	agree(t, before)
	if err := run(t.Context(), []string{"--root", "now", "--api", "api"}, io.Discard); err != nil {
		return err.Error() + "\n"
	}
	return ""
}

// unpack puts a case into a folder and goes there.
func unpack(t *testing.T, archive *txtar.Archive) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, file := range archive.Files {
		if err := os.MkdirAll(filepath.Dir(file.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file.Name, file.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// agree makes the API under a folder the agreed one, whatever its style.
func agree(t *testing.T, root string) {
	t.Helper()
	tree, err := source.Compile(t.Context(), root, "api")
	if err != nil {
		t.Fatal(err)
	}
	if err := writeAgreed("now", "api", tree.Files); err != nil {
		t.Fatal(err)
	}
}

// What was accepted is what later changes are compared with, and accepting says
// what it breaks.
func TestAccept(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/breaking_rpcs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	unpack(t, archive)
	args := []string{"--root", "now", "--api", "api"}
	if err := run(t.Context(), args, io.Discard); err == nil || !strings.Contains(err.Error(), "go run ./tools/protocheck --root now --api api --accept") {
		t.Errorf("nothing was agreed yet: got %v, want the command", err)
	}
	agree(t, "agreed")
	var out bytes.Buffer
	if err := run(t.Context(), append(args, "--accept"), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "now/api/v1/api.proto:5: RPC_NO_DELETE: rpc Gone") {
		t.Errorf("accepting said %q", out.String())
	}
	if err := run(t.Context(), args, io.Discard); err != nil {
		t.Errorf("after accepting: %v", err)
	}
}

// An agreed API that cannot be read is no reason to find nothing.
func TestAgreedUnreadable(t *testing.T) {
	for name, content := range map[string]string{
		"no JSON":       "syntax",
		"no set":        `{"files": []}`,
		"empty":         `{}`,
		"other API":     `{"file": [{"name": "other/v1/a.proto", "syntax": "proto3"}]}`,
		"import missed": `{"file": [{"name": "api/v1/a.proto", "syntax": "proto3", "dependency": ["api/v1/b.proto"]}]}`,
	} {
		folder := t.TempDir()
		if err := os.Mkdir(filepath.Join(folder, "api"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(agreedPath(folder, "api"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if files, err := readAgreed(folder, "api"); err == nil {
			t.Errorf("%s: got %v, want an error", name, files)
		}
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{nil, {"--root", "libs"}, {"--root", "libs", "--api", "x", "more"}, {"--unknown"}} {
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}
