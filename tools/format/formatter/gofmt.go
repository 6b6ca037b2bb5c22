package formatter

import (
	"bytes"
	"context"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strings"
)

// Gofmt formats Go files as gofmt does.
type Gofmt struct{}

var _ Formatter = Gofmt{}

// Name is part of Formatter.
func (Gofmt) Name() string { return "gofmt" }

// Fix is part of Formatter.
func (Gofmt) Fix(_ context.Context, root string, files []string) error {
	for _, file := range files {
		if !strings.HasSuffix(file, ".go") {
			continue
		}
		path := filepath.Join(root, filepath.FromSlash(file))
		present, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		formatted, err := format.Source(present)
		if err != nil {
			return fmt.Errorf("formatting %s: %w", file, err)
		}
		if bytes.Equal(present, formatted) {
			continue
		}
		if err := os.WriteFile(path, formatted, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", file, err)
		}
	}
	return nil
}
