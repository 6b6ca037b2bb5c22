// Package versions_test compares what is written down twice.
package versions_test

import (
	"os"
	"regexp"
	"testing"
)

// The rules have the same version on both paths: the public registry's is in
// MODULE.bazel, that of the air-gapped one in go.mod.
func TestRules(t *testing.T) {
	module, requirements := read(t, "../../MODULE.bazel"), read(t, "../../go.mod")
	for rules, path := range map[string]string{
		"gazelle":  "github.com/bazelbuild/bazel-gazelle",
		"rules_go": "github.com/bazelbuild/rules_go",
	} {
		registry := find(t, module, `bazel_dep\(name = "`+rules+`", version = "([^"]+)"\)`)
		required := find(t, requirements, `\s`+regexp.QuoteMeta(path)+` v(\S+)`)
		if registry != required {
			t.Errorf("%s is %s in MODULE.bazel and %s in go.mod: make them the same", rules, registry, required)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// find returns what the only group of a pattern matches.
func find(t *testing.T, text, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("nothing matches %s", pattern)
	}
	return found[1]
}
