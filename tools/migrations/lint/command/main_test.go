package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/migrations/lint"
)

func TestRun(t *testing.T) {
	folder := t.TempDir()
	file := func(name, up string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("-- +goose Up\n"+up+"\n-- +goose Down\nSELECT 1;\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := file("0001_a.sql", "CREATE TABLE a (b varchar(10));\nTRUNCATE c;")
	// It is right because of what the first says.
	second := file("0002_b.sql", "ALTER TABLE a ALTER COLUMN b TYPE text;")
	third := file("0010_c.sql", "TRUNCATE a;")
	for _, test := range []struct {
		name          string
		args          []string
		code          int
		out, problems string
	}{
		{"clean", []string{second}, clean, "", ""},
		{"findings", []string{third}, found, third + ":2: truncate: ", ""},
		{"several files", []string{second, third, first}, found, first + ":3: truncate: ", ""},
		{"no such file", []string{filepath.Join(folder, "0003_c.sql")}, failed, "", "lint: reading a migration: "},
		{"a folder", []string{folder}, failed, "", "is not a file NNNN_name.sql"},
		{"no such flag", []string{"--fix"}, failed, "", "see --help"},
		{"help", []string{"--help"}, clean, "index-blocks-writes\n", ""},
		{"nothing to say as JSON", []string{"--json", second}, clean, "[]\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, problems bytes.Buffer
			if code := run(test.args, &out, &problems); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, got := range []struct {
				name, text, want string
			}{{"stdout", out.String(), test.out}, {"stderr", problems.String(), test.problems}} {
				if got.want == "" && got.text != "" || !strings.Contains(got.text, got.want) {
					t.Errorf("%s is %q, want %q in it", got.name, got.text, got.want)
				}
			}
		})
	}
	t.Run("JSON", func(t *testing.T) {
		var out bytes.Buffer
		if code := run([]string{"--json", third}, &out, &out); code != found {
			t.Errorf("exit code %d, want %d", code, found)
		}
		var findings []lint.Finding
		if err := json.Unmarshal(out.Bytes(), &findings); err != nil {
			t.Fatalf("%v: %s", err, &out)
		}
		if len(findings) != 1 || findings[0].Path != third || findings[0].Line != 2 || findings[0].Rule != "truncate" {
			t.Errorf("got %+v", findings)
		}
	})
}
