package checkout_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/soketsugo/soketsugo/tools/checkout"
)

// put writes files into a folder.
func put(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// git runs a git command in a folder.
func git(t *testing.T, folder string, args ...string) {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, output)
	}
}

// The files of a checkout are those that git knows or would take, but not
// those that it ignores and not those that are gone.
func TestFiles(t *testing.T) {
	folder := t.TempDir()
	git(t, folder, "init", "--quiet")
	put(t, folder, map[string]string{
		".gitignore":     "/ignored\n",
		"ignored":        "",
		"known/a.go":     "",
		"known/gone.go":  "",
		"new/b and c.go": "",
	})
	git(t, folder, "add", "known")
	if err := os.Remove(filepath.Join(folder, "known/gone.go")); err != nil {
		t.Fatal(err)
	}
	got, err := checkout.Files(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{".gitignore", "known/a.go", "new/b and c.go"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A copy has the same content, the same permissions and the same links.
func TestCopy(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	put(t, from, map[string]string{"bin/run": "#!/bin/sh\n", "left out": ""})
	if err := os.Chmod(filepath.Join(from, "bin/run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("bin/run", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	if err := checkout.Copy(from, to, []string{"bin/run", "link"}); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(to, "link")); err != nil || string(content) != "#!/bin/sh\n" {
		t.Errorf("reading through the link: %q, %v", content, err)
	}
	if link, err := os.Readlink(filepath.Join(to, "link")); err != nil || link != "bin/run" {
		t.Errorf("the link: %q, %v", link, err)
	}
	if info, err := os.Stat(filepath.Join(to, "bin/run")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the permissions: %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(to, "left out")); err == nil {
		t.Error("a file was copied that was not named")
	}
}
