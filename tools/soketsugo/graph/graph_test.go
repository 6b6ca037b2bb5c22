package graph_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soketsugo/soketsugo/tools/soketsugo/graph"
)

// What both commands print is read; configurations do not matter.
func TestParse(t *testing.T) {
	for name, text := range map[string]string{
		"query": `digraph mygraph {
  node [shape=box];
  "//a:a"
  "//a:a" -> "//b:b"
  "//a:a" -> "@@module~//c:c"
  "//b:b"
  "//b:b" -> "//b:b.go"
  "//b:b.go"
  "@@module~//c:c"
}`,
		"cquery": `digraph mygraph {
  node [shape=box];
  "//a:a (1a2b3c)"
  "//a:a (1a2b3c)" -> "@@//b:b (1a2b3c)"
  "//a:a (1a2b3c)" -> "//b:b (ffff00)"
  "//a:a (1a2b3c)" -> "@@module~//c:c (1a2b3c)"
  "//b:b (1a2b3c)"
  "//b:b (1a2b3c)" -> "//b:b.go (null)"
  "//b:b (1a2b3c)" -> "//b:b (ffff00)"
  "//b:b.go (null)"
  "@@module~//c:c (1a2b3c)"
}`,
	} {
		g, err := graph.Parse(strings.Split(text, "\n"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := graph.Graph{"//a:a": {"//b:b", "@@module~//c:c"}, "//b:b": {"//b:b.go"}, "//b:b.go": nil, "@@module~//c:c": nil}
		if diff := cmp.Diff(want, g); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if g, err := graph.Parse([]string{`  "//a:a" -> nothing`}); err == nil {
		t.Errorf("an edge to nothing was read as %v", g)
	}
}

// A closure ends where the graph goes in a circle.
func TestClosure(t *testing.T) {
	g := graph.Graph{"a": {"b"}, "b": {"c", "a"}, "c": nil, "d": {"c"}}
	if diff := cmp.Diff(map[string]bool{"a": true, "b": true, "c": true}, g.Closure("a")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
