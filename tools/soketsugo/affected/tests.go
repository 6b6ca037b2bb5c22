package affected

import (
	"path"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/tools/soketsugo/graph"
)

// Tests returns the tests of each process that read, directly or through what
// they test, a file that changed.
//
// A test is one of a process if it uses a target of the process's folder, or
// lies in a package that the process is built from. The graph has the targets
// and files of this repository, tests and deployed are labels in it, the latter
// what each process deploys; changed are paths.
func Tests(targets graph.Graph, tests []string, deployed map[string][]string, changed []string) map[string][]string {
	touched := touchedTests(targets, tests, changed)
	found := map[string][]string{}
	for process, labels := range deployed {
		place := "services/" + process
		packages := map[string]bool{}
		for label := range targets.Closure(labels...) {
			if name, ok := graph.Package(label); ok {
				packages[name] = true
			}
		}
		for _, test := range touched {
			name, _ := graph.Package(test)
			if packages[name] || uses(targets, test, place) {
				found[process] = append(found[process], test)
			}
		}
	}
	return found
}

// uses tells whether a test depends on a target of the package in a folder.
func uses(targets graph.Graph, test, place string) bool {
	for label := range targets.Closure(test) {
		if name, ok := graph.Package(label); ok && name == place {
			return true
		}
	}
	return false
}

func touchedTests(targets graph.Graph, tests, changed []string) []string {
	files := map[string]bool{}
	packages := map[string]bool{}
	for _, file := range changed {
		if ofEverything(file) {
			return slices.Sorted(slices.Values(tests))
		}
		if base := path.Base(file); base == "BUILD.bazel" || base == "BUILD" {
			packages[path.Dir(file)] = true
		}
		files[file] = true
	}
	var found []string
	for _, test := range tests {
		for label := range targets.Closure(test) {
			name, ok := graph.Package(label)
			if !ok {
				continue
			}
			if files[graph.Path(label)] || packages[name] {
				found = append(found, test)
				break
			}
		}
	}
	slices.Sort(found)
	return found
}

// ofEverything tells whether a file can change any target: what it does is not
// in the graph.
func ofEverything(file string) bool {
	switch file {
	case "MODULE.bazel", ".bazelrc", ".bazelversion", "bazelw":
		return true
	}
	// Tools may have Go modules of their own.
	name := path.Base(file)
	return name == "go.mod" || name == "go.sum" || strings.HasSuffix(file, ".bzl")
}
