package lint

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ReadFolder returns all migrations of a folder, in order.
func ReadFolder(folder string) ([]File, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil {
		return nil, fmt.Errorf("looking for migrations: %w", err)
	}
	var files []File
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading a migration: %w", err)
		}
		files = append(files, File{Path: path, Content: content})
	}
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Compare(version(a.Path), version(b.Path)) })
	return files, nil
}

// version is the number that a file's name begins with; 0 if it has none.
func version(path string) int64 {
	digits, _, _ := strings.Cut(filepath.Base(path), "_")
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	return number
}
