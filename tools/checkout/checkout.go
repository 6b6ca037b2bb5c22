// Package checkout finds the checkout that a tool of this repository works on,
// and lists and copies its files.
package checkout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// anchor is the place of this very file among the runfiles. Bazel sets it.
var anchor string

// anchorPath is the place of this very file in the checkout.
const anchorPath = "tools/checkout/checkout.go"

// ErrOutsideBazel is what Root returns in a program that Bazel did not build.
var ErrOutsideBazel = errors.New("finding the checkout: run this program with ./bazelw")

// Root returns the folder at the top of the checkout: the one that `bazel run`
// was called in, and in a test the one that the source files come from. Such a
// test must not run in a sandbox.
func Root() (string, error) {
	if folder := os.Getenv("BUILD_WORKSPACE_DIRECTORY"); folder != "" {
		return folder, nil
	}
	if anchor == "" {
		return "", ErrOutsideBazel
	}
	place, err := runfiles.Rlocation(anchor)
	if err != nil {
		return "", fmt.Errorf("finding the checkout: %w", err)
	}
	source, err := filepath.EvalSymlinks(place)
	if err != nil {
		return "", fmt.Errorf("finding the checkout: %w", err)
	}
	folder, found := strings.CutSuffix(source, string(filepath.Separator)+filepath.FromSlash(anchorPath))
	if !found {
		return "", fmt.Errorf("finding the checkout: %s is not a file of it", source)
	}
	return folder, nil
}

// Files returns the paths of all files of a checkout, sorted, relative to its
// root and with slashes: those that git knows of and those that it would take.
func Files(ctx context.Context, root string) ([]string, error) {
	command := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	command.Dir = root
	var problem bytes.Buffer
	command.Stderr = &problem
	list, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the files of the checkout with git: %w: %s", err, bytes.TrimSpace(problem.Bytes()))
	}
	var files []string
	for path := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		// Git still knows of a file that was deleted and not yet committed.
		switch info, err := os.Lstat(filepath.Join(root, filepath.FromSlash(path))); {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		case err != nil:
			return nil, fmt.Errorf("listing the files of the checkout: %w", err)
		case info.IsDir(): // a folder has taken its place
		default:
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// Copy copies files of a checkout to another folder. Symbolic links stay what
// they are.
func Copy(root, target string, files []string) error {
	for _, file := range files {
		if err := copyFile(filepath.Join(root, filepath.FromSlash(file)), filepath.Join(target, filepath.FromSlash(file))); err != nil {
			return fmt.Errorf("copying %s: %w", file, err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		link, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(link, to)
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}
