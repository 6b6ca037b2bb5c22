package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// write puts generated files under out, and leaves those alone that are the
// same already.
func write(out string, generated map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(generated)) {
		path := filepath.Join(out, filepath.FromSlash(name))
		if present, err := os.ReadFile(path); err == nil && string(present) == generated[name] {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err := os.WriteFile(path, []byte(generated[name]), 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

// compare says how the files under out differ from the generated ones; an
// empty answer means that they do not. It also finds generated files whose
// .proto file is gone.
func compare(out string, generated map[string]string) (string, error) {
	var report strings.Builder
	for _, name := range slices.Sorted(maps.Keys(generated)) {
		present, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fmt.Fprintf(&report, "%s is missing\n", name)
		case err != nil:
			return "", fmt.Errorf("reading %s: %w", name, err)
		default:
			report.WriteString(difference(name, string(present), generated[name]))
		}
	}
	err := fs.WalkDir(os.DirFS(out), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(name, ".pb.go") && generated[name] == "" {
			fmt.Fprintf(&report, "%s has no .proto file any more; delete it\n", name)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("looking for files without a .proto file: %w", err)
	}
	return report.String(), nil
}

// difference shows the lines between the first and the last that differ.
func difference(name, have, want string) string {
	if have == want {
		return ""
	}
	haveLines, wantLines := strings.Split(have, "\n"), strings.Split(want, "\n")
	first := 0
	for first < len(haveLines) && first < len(wantLines) && haveLines[first] == wantLines[first] {
		first++
	}
	haveEnd, wantEnd := len(haveLines), len(wantLines)
	for haveEnd > first && wantEnd > first && haveLines[haveEnd-1] == wantLines[wantEnd-1] {
		haveEnd--
		wantEnd--
	}
	var text strings.Builder
	fmt.Fprintf(&text, "--- %s as checked in\n+++ %s as generated\n@@ line %d @@\n", name, name, first+1)
	for _, side := range []struct {
		sign  string
		lines []string
	}{{"-", haveLines[first:haveEnd]}, {"+", wantLines[first:wantEnd]}} {
		// More than this helps nobody, and the fixing command is above.
		const most = 40
		for i, line := range side.lines {
			if i == most {
				fmt.Fprintf(&text, "%s… and %d more lines\n", side.sign, len(side.lines)-most)
				break
			}
			text.WriteString(side.sign + line + "\n")
		}
	}
	return text.String()
}
