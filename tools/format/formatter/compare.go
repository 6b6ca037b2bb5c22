package formatter

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// read returns the content of every file under a folder.
func read(folder string) (map[string]string, error) {
	contents := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		contents[filepath.ToSlash(name)] = string(content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the copy of the checkout: %w", err)
	}
	return contents, nil
}

// compare returns the differences between two states of a folder.
func compare(before, after map[string]string) string {
	names := map[string]bool{}
	for _, state := range []map[string]string{before, after} {
		for name := range state {
			names[name] = true
		}
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if before[name] == after[name] {
			continue
		}
		difference := difflib.UnifiedDiff{
			A:        lines(before[name]),
			B:        lines(after[name]),
			FromFile: "a/" + name,
			ToFile:   "b/" + name,
			Context:  3,
		}
		// A strings.Builder does not fail.
		_ = difflib.WriteUnifiedDiff(&text, difference)
	}
	return text.String()
}

// lines splits a text into lines, each with a line feed.
func lines(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		found = append(found, strings.TrimSuffix(line, "\n")+"\n")
	}
	return found
}
