// Package formatter puts the files of a checkout into the one form that is
// checked in.
package formatter

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/tools/checkout"
)

// FixCommand is what a failed check tells its reader to run.
const FixCommand = "./bazelw run //tools/format"

// A Formatter brings files into form.
type Formatter interface {
	// Name says what the formatter is, for messages.
	Name() string
	// Fix changes the files that are not in form. Of all files under root it
	// may change others than those given, but need not look at them. An error
	// also tells of what can only be put right by hand.
	Fix(ctx context.Context, root string, files []string) error
}

// excluded is the folder of the stand-ins for Bazel modules. They keep the form
// of what they stand in for.
const excluded = "tools/airgap/modules/"

// Fix runs formatters on a checkout, one after the other.
func Fix(ctx context.Context, root string, formatters []Formatter) error {
	files, err := checkout.Files(ctx, root)
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, isExcluded)
	for _, formatter := range formatters {
		if err := formatter.Fix(ctx, root, files); err != nil {
			return fmt.Errorf("running %s: %w", formatter.Name(), err)
		}
	}
	return nil
}

// Check runs formatters on a copy of the checkout. It writes to report what
// they would change, and says whether that is nothing.
func Check(ctx context.Context, root string, formatters []Formatter, report io.Writer) (clean bool, err error) {
	scratch, err := os.MkdirTemp("", "format-")
	if err != nil {
		return false, fmt.Errorf("making a folder for a copy of the checkout: %w", err)
	}
	defer os.RemoveAll(scratch)
	files, err := checkout.Files(ctx, root)
	if err != nil {
		return false, err
	}
	if err := checkout.Copy(root, scratch, files); err != nil {
		return false, err
	}

	files = slices.DeleteFunc(files, isExcluded)
	before, err := read(scratch)
	if err != nil {
		return false, err
	}
	clean = true
	for _, formatter := range formatters {
		fixErr := formatter.Fix(ctx, scratch, files)
		after, err := read(scratch)
		if err != nil {
			return false, err
		}
		if difference := compare(before, after); difference != "" {
			clean = false
			fmt.Fprintf(report, "%s changes files; %s does that:\n%s\n", formatter.Name(), FixCommand, difference)
		}
		if fixErr != nil {
			clean = false
			fmt.Fprintf(report, "%s: %v\n", formatter.Name(), fixErr)
		}
		before = after
	}
	return clean, nil
}

func isExcluded(file string) bool {
	return strings.HasPrefix(file, excluded)
}
