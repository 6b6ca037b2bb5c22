package snapshot_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soketsugo/soketsugo/tools/soketsugo/snapshot"
)

// A folder takes on what the checkout and its commits hold, one after the other:
// new, changed and removed files, modes, links, and a folder in place of a file.
func TestWrite(t *testing.T) {
	root, folder := newRepository(t), filepath.Join(t.TempDir(), "tree")
	put(t, root, "same", "same")
	put(t, root, "changed", "one")
	put(t, root, "gone/a", "a")
	put(t, root, "turned", "a file")
	put(t, root, "user.bazelrc", "build --config=mine\n")
	put(t, root, "k8s/environments/staging.yaml", "")
	put(t, root, "k8s/environments/staging.lock", "{}\n")
	put(t, root, ".gitignore", "/user.bazelrc\n/ignored\n")
	if err := os.Symlink("same", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	commit(t, root)
	first, err := snapshot.Resolve(t.Context(), root, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	before := map[string]string{
		"same": "same", "changed": "one", "gone/a": "a", "turned": "a file", "link": "-> same",
		".gitignore": "/user.bazelrc\n/ignored\n", "user.bazelrc": "build --config=mine\n",
		"k8s/environments/staging.yaml": "",
	}

	put(t, root, "changed", "two")
	put(t, root, "k8s/environments/staging.lock", "{}\n\n")
	put(t, root, "k8s/environments/production.lock", "{}\n")
	remove(t, root, "gone")
	remove(t, root, "turned")
	put(t, root, "turned/into", "a folder")
	put(t, root, "ignored", "x")
	if err := os.WriteFile(filepath.Join(root, "run"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	after := map[string]string{
		"same": "same", "changed": "two", "turned/into": "a folder", "link": "-> same", "run": "#!/bin/sh\n (executable)",
		".gitignore": "/user.bazelrc\n/ignored\n", "user.bazelrc": "build --config=mine\n",
		"k8s/environments/staging.yaml": "",
	}

	writeCommit := func() (snapshot.Difference, error) { return snapshot.WriteCommit(t.Context(), root, folder, first) }
	writeWorking := func() (snapshot.Difference, error) { return snapshot.WriteWorking(t.Context(), root, folder) }
	for _, step := range []struct {
		name     string
		write    func() (snapshot.Difference, error)
		differed snapshot.Difference
		want     map[string]string
	}{
		{"the commit", writeCommit, snapshot.Difference{Files: true}, before},
		{"the checkout", writeWorking, snapshot.Difference{Files: true, Contents: []string{"changed"}}, after},
		{"the checkout twice", writeWorking, snapshot.Difference{}, after},
		{"the commit again", writeCommit, snapshot.Difference{Files: true, Contents: []string{"changed"}}, before},
		{"the commit twice", writeCommit, snapshot.Difference{}, before},
	} {
		differed, err := step.write()
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.differed, differed); diff != "" {
			t.Errorf("%s: what differed (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(step.want, list(t, folder)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}

	changed, err := snapshot.Changed(t.Context(), root, first)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"changed", "gone/a", "run", "turned", "turned/into"}, changed); diff != "" {
		t.Errorf("what differs (-want +got):\n%s", diff)
	}
}

// A file that is as it should be is not written again, or Bazel would read it
// again.
func TestWriteLeavesAlone(t *testing.T) {
	root, folder := newRepository(t), filepath.Join(t.TempDir(), "tree")
	put(t, root, "a", "a")
	if _, err := snapshot.WriteWorking(t.Context(), root, folder); err != nil {
		t.Fatal(err)
	}
	old := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(folder, "a"), old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.WriteWorking(t.Context(), root, folder); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(folder, "a"))
	if err != nil || !info.ModTime().Equal(old) {
		t.Errorf("it was written again: %v, %v", info.ModTime(), err)
	}
}

// The user's own flags are for the user alone, also where an older copy was not; that
// is no reason to write them each time.
func TestWriteOwnFlags(t *testing.T) {
	root, folder := newRepository(t), filepath.Join(t.TempDir(), "tree")
	put(t, root, "user.bazelrc", "build --remote_header=secret\n")
	put(t, root, ".gitignore", "/user.bazelrc\n")
	put(t, folder, "user.bazelrc", "build --remote_header=secret\n")
	for _, differs := range []bool{true, false} {
		differed, err := snapshot.WriteWorking(t.Context(), root, folder)
		if err != nil || differed.Nothing() == differs {
			t.Errorf("what differed: %+v, %v", differed, err)
		}
		info, err := os.Stat(filepath.Join(folder, "user.bazelrc"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the copy is %v, %v", info, err)
		}
	}
}

// A revision that is not there is an error, and so is one that git would take
// for a flag.
func TestResolve(t *testing.T) {
	root := newRepository(t)
	put(t, root, "a", "a")
	commit(t, root)
	for _, revision := range []string{"", "nowhere", "--all", "HEAD~5"} {
		if hash, err := snapshot.Resolve(t.Context(), root, revision); err == nil {
			t.Errorf("%q is %q", revision, hash)
		}
	}
}

// The content of a file is that of the commit; a commit comes before its
// descendants only.
func TestCommits(t *testing.T) {
	root := newRepository(t)
	put(t, root, "a", "one")
	commit(t, root)
	first := resolve(t, root, "HEAD")
	put(t, root, "a", "two")
	put(t, root, "b", "new")
	commit(t, root)
	second := resolve(t, root, "HEAD")
	for _, test := range []struct{ commit, path, want string }{{first, "a", "one"}, {second, "a", "two"}, {first, "b", ""}} {
		if got, err := snapshot.Content(t.Context(), root, test.commit, test.path); err != nil || string(got) != test.want {
			t.Errorf("%s of %s is %q, %v, want %q", test.path, test.commit, got, err, test.want)
		}
	}
	precedes := func(want map[string]bool) {
		t.Helper()
		for commit, want := range want {
			if got, err := snapshot.Precedes(t.Context(), root, commit); err != nil || got != want {
				t.Errorf("%s: got %t, %v, want %t", commit, got, err, want)
			}
		}
	}
	precedes(map[string]bool{first: false, second: false, "unknown": false})
	git(t, root, "checkout", "--quiet", first)
	precedes(map[string]bool{first: false, second: true})
	put(t, root, "a", "on another branch")
	commit(t, root)
	precedes(map[string]bool{first: false, second: false})
}

func resolve(t *testing.T, root, revision string) string {
	t.Helper()
	hash, err := snapshot.Resolve(t.Context(), root, revision)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func newRepository(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git on this machine")
	}
	root := t.TempDir()
	git(t, root, "init", "--quiet")
	return root
}

func commit(t *testing.T, root string) {
	t.Helper()
	git(t, root, "add", ".")
	git(t, root, "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "--message=test")
}

func git(t *testing.T, folder string, args ...string) {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, output)
	}
}

func put(t *testing.T, root, path, content string) {
	t.Helper()
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, root, path string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, path)); err != nil {
		t.Fatal(err)
	}
}

// list returns the files below a folder with what they hold.
func list(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if entry.Type() == fs.ModeSymlink {
			target, err := os.Readlink(path)
			found[name] = "-> " + target
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		found[name] = string(content)
		if info.Mode()&0o100 != 0 {
			found[name] += " (executable)"
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
