package source_test

import (
	"slices"
	"testing"

	"github.com/soketsugo/soketsugo/libs/migration/source"
)

// A contract step ends the time of the servers that it names and of those before
// them, and of no others.
func TestCompatible(t *testing.T) {
	expand := func(version int64) source.Migration { return source.Migration{Version: version} }
	contract := func(version, until int64) source.Migration {
		return source.Migration{Version: version, ReadUntil: until}
	}
	for _, test := range []struct {
		name       string
		migrations []source.Migration
		want       []int64
	}{
		{"one", []source.Migration{expand(1)}, []int64{1}},
		{"nothing taken away", []source.Migration{expand(1), expand(2), expand(4)}, []int64{1, 2, 4}},
		{"the first taken away", []source.Migration{expand(1), expand(2), contract(3, 1)}, []int64{2, 3}},
		{"all before taken away", []source.Migration{expand(1), expand(2), contract(3, 2), expand(4)}, []int64{3, 4}},
		{"two contract steps, the later one for older servers", []source.Migration{expand(1), expand(2), expand(3), contract(4, 2), contract(5, 1)}, []int64{3, 4, 5}},
		{"up to a version that no file has", []source.Migration{expand(1), expand(5), contract(6, 3)}, []int64{5, 6}},
	} {
		if got := source.Compatible(test.migrations); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
