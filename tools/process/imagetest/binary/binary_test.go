package binary_test

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/process/imagetest/binary"
)

// The packages of a Go program are found without its symbol table: this test looks into itself.
func TestPackages(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this test is an ELF file on Linux only")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	packages, err := binary.Packages(self)
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int64{}
	for _, found := range packages {
		sizes[found.Path] = found.Code
	}
	for _, want := range []string{"runtime", "debug/gosym", "github.com/soketsugo/soketsugo/tools/process/imagetest/binary"} {
		if sizes[want] == 0 {
			t.Errorf("package %s is not listed", want)
		}
	}
	if !slices.IsSortedFunc(packages, func(a, b binary.Package) int { return int(b.Code - a.Code) }) {
		t.Error("the largest packages do not come first")
	}
	if packages[0].Path != "runtime" {
		t.Errorf("the largest package is %s, want runtime", packages[0].Path)
	}
}

// What is no Go program has no packages.
func TestPackagesOfNoProgram(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := binary.Packages(file); err == nil {
		t.Error("a text file has packages")
	}
}

// Packages that undo dead-code elimination are named with the reason, others are not.
func TestCulprits(t *testing.T) {
	got := binary.Culprits([]binary.Package{{Path: "runtime"}, {Path: "text/template"}, {Path: "golang.org/x/net/trace"}})
	if len(got) != 2 || !strings.HasPrefix(got[0], "golang.org/x/net/trace ") || !strings.Contains(got[1], "every exported method") {
		t.Errorf("got %q", got)
	}
}
