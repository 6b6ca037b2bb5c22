package main_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/independence/experiment"
)

// Each change to the sources changes the images that it should change, and no
// other.
func TestIndependence(t *testing.T) {
	root, err := checkout.Root()
	if errors.Is(err, checkout.ErrOutsideBazel) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	err = experiment.Run(t.Context(), root, experiment.Changes(), &table)
	t.Log("\n" + table.String())
	if err != nil {
		t.Error(err)
	}
}
