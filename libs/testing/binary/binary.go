// Package binary finds the real binaries that process tests run.
package binary

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// Binary is a binary under test. It is found, or built, when it is first
// needed, and then used by all tests of a package.
type Binary struct {
	// Variable names the environment variable in which Bazel puts the binary's
	// place in the runfiles.
	Variable string
	// Package is built where the variable is not set.
	Package string
	// Tags are the build tags for that, separated by commas.
	Tags string

	once   sync.Once
	path   string
	folder string
	err    error
}

// Path returns the binary's path.
func (b *Binary) Path(t testing.TB) string {
	t.Helper()
	b.once.Do(func() { b.path, b.err = b.locate() })
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path
}

// Remove removes what Path has built. It is for TestMain.
func (b *Binary) Remove() {
	if b.folder != "" {
		// What cannot be removed is left to whoever cleans the temporary folder.
		_ = os.RemoveAll(b.folder)
	}
}

func (b *Binary) locate() (string, error) {
	if location := os.Getenv(b.Variable); location != "" {
		path, err := runfiles.Rlocation(location)
		if err != nil {
			return "", fmt.Errorf("finding %s, which is %q: %w", b.Variable, location, err)
		}
		return filepath.Abs(path)
	}
	folder, err := os.MkdirTemp("", "binary")
	if err != nil {
		return "", fmt.Errorf("making a folder for %s: %w", b.Package, err)
	}
	b.folder = folder
	path := filepath.Join(folder, filepath.Base(b.Package))
	build := exec.Command("go", "build", "-tags", b.Tags, "-o", path, b.Package)
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s, as %s is not set: %w\n%s", b.Package, b.Variable, err, output)
	}
	return path, nil
}
