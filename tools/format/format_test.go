package main_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/format/formatter"
)

// The files of this checkout are as the formatters would have them.
func TestCheckout(t *testing.T) {
	root, err := checkout.Root()
	if errors.Is(err, checkout.ErrOutsideBazel) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var report strings.Builder
	clean, err := formatter.Check(t.Context(), root, formatter.All(), &report)
	if err != nil {
		t.Fatal(err)
	}
	if !clean {
		t.Errorf("run %s\n\n%s", formatter.FixCommand, report.String())
	}
}
