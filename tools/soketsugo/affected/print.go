package affected

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Print writes the report for people, a line a process.
func (r Report) Print(out io.Writer) {
	width := 0
	for _, p := range r.Processes {
		width = max(width, len(p.Process))
	}
	for _, p := range r.Processes {
		fmt.Fprintln(out, strings.TrimSpace(fmt.Sprintf("%-*s  %-7s  %s", width, p.Process, p.State, p.details())))
	}
}

// shownTests is how many tests people want to read of; JSON has all.
const shownTests = 3

func (p Process) details() string {
	var parts []string
	if p.Image != nil {
		parts = append(parts, "image "+p.Image.String())
	}
	if environments := slices.Sorted(maps.Keys(p.Manifests)); len(environments) > 0 {
		parts = append(parts, "manifest of "+strings.Join(environments, ", "))
	}
	if p.Incomplete {
		parts = append(parts, "a deploy came to no good end")
	}
	if p.State == Test {
		shown := strings.Join(p.Tests[:min(len(p.Tests), shownTests)], " ")
		if len(p.Tests) > shownTests {
			shown += " …"
		}
		parts = append(parts, fmt.Sprintf("%d tests: %s", len(p.Tests), shown))
	}
	return strings.Join(parts, "; ")
}

// String returns as much of the two digests as people compare.
func (d Difference) String() string { return short(d.Before) + " -> " + short(d.After) }

func short(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	if digest == "" {
		return "none"
	}
	return digest[:min(12, len(digest))]
}
