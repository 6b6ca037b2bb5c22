package why_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soketsugo/soketsugo/tools/soketsugo/affected"
	"github.com/soketsugo/soketsugo/tools/soketsugo/graph"
	"github.com/soketsugo/soketsugo/tools/soketsugo/why"
)

// Only what made something else than before is in a chain; a target that makes no
// file is passed through.
func TestChains(t *testing.T) {
	targets := graph.Graph{
		"//s:digest":   {"//s:binary", "//t:tool"},
		"//s:binary":   {"//s:info"},
		"//s:info":     {"//s:lib"}, // makes no file
		"//s:lib":      {"//u:u", "//v:v", "//s:main.go"},
		"//u:u":        {"//u:u.go", "//u:comment.go"},
		"//v:v":        {"//v:comment.go"},
		"//t:tool":     {"//t:tool.go"},
		"//s:main.go":  nil,
		"//u:u.go":     nil,
		"//u:other.go": nil,
	}
	before := map[string]string{
		"//s:digest": "1", "//s:binary": "1", "//s:lib": "1", "//u:u": "1", "//v:v": "1", "//t:tool": "1",
		"//s:main.go": "1", "//u:u.go": "1", "//u:comment.go": "1", "//v:comment.go": "1", "//t:tool.go": "1",
	}
	with := func(labels ...string) why.Build {
		contents := map[string]string{}
		for label, content := range before {
			contents[label] = content
		}
		for _, label := range labels {
			contents[label] = "2"
		}
		return why.Build{Targets: targets, Contents: contents}
	}
	for name, test := range map[string]struct {
		after why.Build
		want  []why.Chain
	}{
		"nothing":   {with(), nil},
		"a comment": {with("//v:comment.go"), nil},
		"a tool that makes the same": {
			with("//t:tool", "//t:tool.go", "//s:digest", "//s:binary", "//s:lib", "//s:main.go"),
			[]why.Chain{
				{Labels: []string{"//s:main.go", "//s:lib", "//s:info", "//s:binary", "//s:digest"}, File: true},
				{Labels: []string{"//t:tool.go", "//t:tool", "//s:digest"}, File: true},
			},
		},
		"code and, elsewhere, a comment": {
			with("//v:comment.go", "//u:u.go", "//u:u", "//s:lib", "//s:binary", "//s:digest"),
			[]why.Chain{{Labels: []string{"//u:u.go", "//u:u", "//s:lib", "//s:info", "//s:binary", "//s:digest"}, File: true}},
		},
		"a rule": {
			with("//s:binary", "//s:digest"),
			[]why.Chain{{Labels: []string{"//s:binary", "//s:digest"}}},
		},
	} {
		got := why.Chains(with(), test.after, "//s:digest")
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What was not there before differs, and so does what depends on it.
func TestChainsToNew(t *testing.T) {
	before := why.Build{Targets: graph.Graph{"//s:s": nil}, Contents: map[string]string{"//s:s": "1"}}
	after := why.Build{
		Targets:  graph.Graph{"//s:s": {"//s:new.go"}, "//s:new.go": nil},
		Contents: map[string]string{"//s:s": "2", "//s:new.go": "2"},
	}
	want := []why.Chain{{Labels: []string{"//s:new.go", "//s:s"}, File: true}}
	if diff := cmp.Diff(want, why.Chains(before, after, "//s:s")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// People read a chain from its cause on.
func TestPrint(t *testing.T) {
	var out strings.Builder
	why.Print(&out, "s/a", []why.Explanation{
		{What: "image", Difference: affected.Difference{Before: "sha256:1", After: "sha256:2"}, Chains: []why.Chain{
			{Labels: []string{"//l:a.go", "//l:l", "//s/a:digest"}, File: true},
			{Labels: []string{"//s/a:digest"}},
		}},
		{What: "manifest of staging", Difference: affected.Difference{Before: "sha256:3", After: "sha256:4"}},
	})
	want := `image of s/a: 1 -> 2
  //l:a.go
    -> //l:l
    -> //s/a:digest
  the rule of //s/a:digest (its BUILD file, a .bzl file, go.mod or a flag)

manifest of staging of s/a: 3 -> 4
  it names the image
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	out.Reset()
	why.Print(&out, "s/a", nil)
	if out.String() != "s/a deploys the same\n" {
		t.Errorf("nothing differs: %q", out.String())
	}
}
