// Package graph reads the graphs of targets that `bazel query` and `bazel
// cquery` print.
package graph

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/tools/bazel"
)

// A Graph has the direct dependencies of each target, by label. Source files
// are targets too.
type Graph map[string][]string

// Parse reads what --output=graph --nograph:factored prints. Targets that differ
// in their configuration only become one.
func Parse(lines []string) (Graph, error) {
	g := Graph{}
	// Some targets have thousands of dependencies.
	edges := map[[2]string]bool{}
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, `"`) {
			continue // the frame
		}
		from, to, edge := strings.Cut(line, " -> ")
		source, err := node(from)
		if err != nil {
			return nil, err
		}
		if _, ok := g[source]; !ok {
			g[source] = nil
		}
		if !edge {
			continue
		}
		target, err := node(to)
		if err != nil {
			return nil, err
		}
		if _, ok := g[target]; !ok {
			g[target] = nil
		}
		if arrow := [2]string{source, target}; source != target && !edges[arrow] {
			edges[arrow] = true
			g[source] = append(g[source], target)
		}
	}
	return g, nil
}

// node takes the label out of "label" or "label (configuration)".
func node(text string) (string, error) {
	label, ok := strings.CutPrefix(text, `"`)
	if !ok || !strings.HasSuffix(label, `"`) {
		return "", fmt.Errorf("reading Bazel's graph: %q is no node", text)
	}
	label = strings.TrimSuffix(label, `"`)
	if open := strings.LastIndex(label, " ("); open >= 0 && strings.HasSuffix(label, ")") {
		label = label[:open]
	}
	return bazel.Label(label), nil
}

// Closure returns the targets that can be reached from some, with these.
func (g Graph) Closure(from ...string) map[string]bool {
	reached := map[string]bool{}
	for next := slices.Clone(from); len(next) > 0; {
		label := next[len(next)-1]
		next = next[:len(next)-1]
		if !reached[label] {
			reached[label] = true
			next = append(next, g[label]...)
		}
	}
	return reached
}

// Package returns the package of a label, without its slashes, such as
// "services/playbook/rest", and whether it is one of this repository.
func Package(label string) (string, bool) {
	rest, ok := strings.CutPrefix(label, "//")
	place, _, _ := strings.Cut(rest, ":")
	return place, ok
}

// Path returns the path of the file that a label of this repository names, if it
// names one.
func Path(label string) string {
	place, _ := Package(label)
	_, name, _ := strings.Cut(label, ":")
	return path.Join(place, name)
}
