package main_test

import (
	"errors"
	"os"
	"testing"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/independence/experiment"
)

// Each change to the sources changes the images that it should change, and no
// other; affected names their processes, and why the file that was changed.
func TestIndependence(t *testing.T) {
	root, err := checkout.Root()
	if errors.Is(err, checkout.ErrOutsideBazel) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	// The table is worth keeping in the log of a test that passes too.
	if err := experiment.Run(t.Context(), root, experiment.Changes(), os.Stdout); err != nil {
		t.Error(err)
	}
}
