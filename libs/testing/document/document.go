// Package document keeps parts of a page of documentation equal to what the code
// says. Such a part stands between the lines
//
//	<!-- NAME: generated -->
//	<!-- end -->
package document

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Check fails the test where a part of the page at path differs from what it
// should be, by name; with update it rewrites the page instead.
func Check(t testing.TB, path string, update bool, parts map[string]string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, want := range parts {
		begin, end := "<!-- "+name+": generated -->\n", "<!-- end -->\n"
		at := strings.Index(text, begin)
		if at < 0 {
			t.Fatalf("%s lacks %q", path, begin)
		}
		at += len(begin)
		length := strings.Index(text[at:], end)
		if length < 0 {
			t.Fatalf("%s lacks %q after %q", path, end, begin)
		}
		got := text[at : at+length]
		text = text[:at] + want + text[at+length:]
		if diff := cmp.Diff(want, got); diff != "" && !update {
			t.Errorf("%s differs from the code; `go test` with -update in the folder of this test rewrites it (-want +got):\n%s", name, diff)
		}
	}
	if update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
