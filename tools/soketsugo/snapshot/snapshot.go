// Package snapshot puts revisions of a checkout into another folder, one after
// the other. Only files that differ are written, so that a Bazel server that
// works in that folder has to look at nothing else.
package snapshot

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/deploy/lock"
)

// own is the one file that git ignores and that belongs to every revision: the
// user's own flags, such as the address of a cache, and what that wants to be told
// of who asks. Nobody else may read it.
const own = "user.bazelrc"

// private is the mode of what only the user may read.
const private fs.FileMode = 0o600

// isLock tells whether a file is a lock file of an environment: a note of what
// runs there, from which nothing is built. No revision has those.
func isLock(path string) bool {
	folder, name := filepath.Split(filepath.FromSlash(path))
	return filepath.ToSlash(filepath.Clean(folder)) == lock.Folder && filepath.Ext(name) == ".lock"
}

// A file is the content of a regular file, or the target of a link.
type file struct {
	content []byte
	mode    fs.FileMode
}

// Resolve returns the hash of the commit that a revision names.
func Resolve(ctx context.Context, root, revision string) (string, error) {
	if strings.HasPrefix(revision, "-") {
		return "", fmt.Errorf("revision %q: want a commit, branch or tag", revision)
	}
	hash, err := git(ctx, root, "rev-parse", "--verify", "--quiet", revision+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("revision %q is not in this repository (a shallow clone lacks old ones: git fetch --unshallow)", revision)
	}
	return strings.TrimSpace(string(hash)), nil
}

// Content returns what a commit has in a file; nothing if the file is not there.
func Content(ctx context.Context, root, commit, path string) ([]byte, error) {
	found, err := git(ctx, root, "ls-tree", "--full-tree", "--name-only", commit, "--", path)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return git(ctx, root, "show", commit+":"+path)
}

// Precedes tells whether what is checked out at root comes before a commit. One
// that is not in the repository comes before none.
func Precedes(ctx context.Context, root, commit string) (bool, error) {
	later, err := Resolve(ctx, root, commit)
	if err != nil {
		return false, nil
	}
	// The commits that the other has more, and has less.
	counts, err := git(ctx, root, "rev-list", "--count", "--left-right", later+"...HEAD")
	if err != nil {
		return false, err
	}
	more, less, _ := strings.Cut(strings.TrimSpace(string(counts)), "\t")
	return more != "0" && less == "0", nil
}

// Changed returns the paths of the files of the checkout at root that differ
// from a commit, sorted, with those that are new or gone.
func Changed(ctx context.Context, root, commit string) ([]string, error) {
	known, err := git(ctx, root, "diff", "--name-only", "--no-renames", "-z", commit)
	if err != nil {
		return nil, err
	}
	unknown, err := git(ctx, root, "ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	var paths []string
	for path := range strings.SplitSeq(string(known)+string(unknown), "\x00") {
		if path != "" && !isLock(path) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// A Difference is what a folder held otherwise before.
type Difference struct {
	// Contents are the paths of files that had another content.
	Contents []string
	// Files says that files came, went, or became something else.
	Files bool
}

// Nothing tells whether the folder held the same.
func (d Difference) Nothing() bool { return !d.Files && len(d.Contents) == 0 }

// WriteWorking makes folder hold what the checkout at root holds now, committed
// or not.
func WriteWorking(ctx context.Context, root, folder string) (Difference, error) {
	paths, err := checkout.Files(ctx, root)
	if err != nil {
		return Difference{}, err
	}
	files := map[string]file{}
	for _, path := range paths {
		found, err := read(filepath.Join(root, filepath.FromSlash(path)))
		if err != nil {
			return Difference{}, fmt.Errorf("reading the checkout: %w", err)
		}
		files[path] = found
	}
	return write(root, folder, files)
}

// WriteCommit makes folder hold what a commit of the repository at root holds.
func WriteCommit(ctx context.Context, root, folder, commit string) (Difference, error) {
	archive, err := git(ctx, root, "archive", "--format=tar", commit)
	if err != nil {
		return Difference{}, err
	}
	files := map[string]file{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return write(root, folder, files)
		}
		if err != nil {
			return Difference{}, fmt.Errorf("reading commit %s: %w", commit, err)
		}
		switch header.Typeflag {
		case tar.TypeReg:
			content, err := io.ReadAll(reader)
			if err != nil {
				return Difference{}, fmt.Errorf("reading commit %s: %w", commit, err)
			}
			files[header.Name] = file{content: content, mode: executable(header.FileInfo().Mode())}
		case tar.TypeSymlink:
			files[header.Name] = file{content: []byte(header.Linkname), mode: fs.ModeSymlink}
		}
	}
}

// executable is what git knows of a file's mode.
func executable(mode fs.FileMode) fs.FileMode {
	if mode&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

func read(path string) (file, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return file{}, err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		target, err := os.Readlink(path)
		return file{content: []byte(target), mode: fs.ModeSymlink}, err
	}
	mode := executable(info.Mode())
	if filepath.Base(path) == own && info.Mode().Perm() == private {
		mode = private
	}
	content, err := os.ReadFile(path)
	return file{content: content, mode: mode}, err
}

// write makes folder hold these files and no others.
func write(root, folder string, files map[string]file) (Difference, error) {
	maps.DeleteFunc(files, func(path string, _ file) bool { return isLock(path) })
	switch flags, err := read(filepath.Join(root, own)); {
	case err == nil:
		if flags.mode.IsRegular() {
			flags.mode = private
		}
		files[own] = flags
	case !errors.Is(err, fs.ErrNotExist):
		return Difference{}, fmt.Errorf("reading %s: %w", own, err)
	}
	var d Difference
	var err error
	d.Files, err = remove(folder, files)
	if err != nil {
		return Difference{}, fmt.Errorf("removing old files: %w", err)
	}
	for path, wanted := range files {
		if !filepath.IsLocal(filepath.FromSlash(path)) {
			return Difference{}, fmt.Errorf("writing %q: the path leads out of the folder", path)
		}
		full := filepath.Join(folder, filepath.FromSlash(path))
		switch found, err := read(full); {
		case err != nil || found.mode != wanted.mode:
			d.Files = true
		case bytes.Equal(found.content, wanted.content):
			continue
		default:
			d.Contents = append(d.Contents, path)
		}
		if err := replace(full, wanted); err != nil {
			return Difference{}, fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return d, nil
}

// remove removes the files below folder that are not wanted, and what stands in
// the way of those that are, and tells whether there were any.
func remove(folder string, wanted map[string]file) (bool, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return false, err
	}
	folders := map[string]bool{}
	for path := range wanted {
		for _, parent := range parents(path) {
			folders[parent] = true
		}
	}
	removed := false
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		if entry.IsDir() {
			if folders[relative] {
				return nil
			}
			removed = true
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return fs.SkipDir
		}
		if _, ok := wanted[relative]; ok {
			return nil
		}
		removed = true
		return os.Remove(path)
	})
	return removed, err
}

// parents returns the folders that a path lies in.
func parents(path string) []string {
	var found []string
	for i, c := range path {
		if c == '/' {
			found = append(found, path[:i])
		}
	}
	return found
}

func replace(path string, wanted file) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// Never through a link, nor into a file that another place shares.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if wanted.mode == fs.ModeSymlink {
		return os.Symlink(string(wanted.content), path)
	}
	return os.WriteFile(path, wanted.content, wanted.mode)
}

func git(ctx context.Context, root string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = root
	command.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0")
	var problem bytes.Buffer
	command.Stderr = &problem
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("running git %s: %w: %s", args[0], err, bytes.TrimSpace(problem.Bytes()))
	}
	return output, nil
}
