// Package folder reads, compares and replaces folders of text files.
package folder

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pmezard/go-difflib/difflib"
)

// Read returns content by path. A folder that is not there is empty.
func Read(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	real, err := filepath.EvalSymlinks(root)
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(real, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(real, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	return files, err
}

// Compare returns, for each file that is not the same in both, how it differs.
func Compare(want, got string) ([]string, error) {
	wanted, err := Read(want)
	if err != nil {
		return nil, err
	}
	// Otherwise a mistake in the path would pass for "nothing differs".
	if len(wanted) == 0 {
		return nil, fmt.Errorf("nothing is in %s", want)
	}
	found, err := Read(got)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(wanted))
	for name := range found {
		if _, known := wanted[name]; !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var differences []string
	for _, name := range names {
		if bytes.Equal(wanted[name], found[name]) {
			continue
		}
		text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
			A: difflib.SplitLines(string(found[name])), FromFile: filepath.Join(got, name),
			B: difflib.SplitLines(string(wanted[name])), ToFile: "declared", Context: 2,
		})
		if err != nil {
			return nil, err
		}
		differences = append(differences, text)
	}
	return differences, nil
}

// Replace makes target the same as source and returns the files that it changed.
func Replace(source, target string) ([]string, error) {
	wanted, err := Read(source)
	if err != nil {
		return nil, err
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("nothing is in %s", source)
	}
	found, err := Read(target)
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if old, exists := found[name]; exists && bytes.Equal(old, wanted[name]) {
			continue
		}
		path := filepath.Join(target, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return changed, err
		}
		if err := os.WriteFile(path, wanted[name], 0o644); err != nil {
			return changed, err
		}
		changed = append(changed, name)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if _, known := wanted[name]; known {
			continue
		}
		if err := os.Remove(filepath.Join(target, filepath.FromSlash(name))); err != nil {
			return changed, err
		}
		changed = append(changed, name)
	}
	return changed, nil
}
