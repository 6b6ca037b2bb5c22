package history_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/migration/history"
	"github.com/soketsugo/soketsugo/libs/migration/source"
)

// Each migration is in one state, and only two of the states let a run go on.
func TestCompare(t *testing.T) {
	type versions []int64
	for _, test := range []struct {
		name            string
		applied, binary versions
		// edited are those whose checksums differ.
		edited versions
		want   []history.State
		match  bool
	}{
		{"nothing applied", nil, versions{1, 2}, nil, []history.State{history.Pending, history.Pending}, true},
		{"a part", versions{1}, versions{1, 2}, nil, []history.State{history.Applied, history.Pending}, true},
		{"all", versions{1, 2}, versions{1, 2}, nil, []history.State{history.Applied, history.Applied}, true},
		{"edited", versions{1, 2}, versions{1, 2}, versions{1}, []history.State{history.Edited, history.Applied}, false},
		{"missing", versions{1, 2, 3}, versions{1, 3}, nil, []history.State{history.Applied, history.Missing, history.Applied}, false},
		{"missing at the beginning", versions{1, 2}, versions{2}, nil, []history.State{history.Missing, history.Applied}, false},
		{"newer", versions{1, 2, 3}, versions{1}, nil, []history.State{history.Applied, history.Unknown, history.Unknown}, false},
		{"late", versions{1, 3}, versions{1, 2, 3, 4}, nil, []history.State{history.Applied, history.Late, history.Applied, history.Pending}, false},
		{"late at the beginning", versions{2}, versions{1, 2}, nil, []history.State{history.Late, history.Applied}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var entries []history.Entry
			for _, v := range test.applied {
				entries = append(entries, history.Entry{Version: v, Name: "applied", Checksum: "same"})
			}
			var migrations []source.Migration
			for _, v := range test.binary {
				m := source.Migration{Version: v, Name: "file", Checksum: "same"}
				for _, edited := range test.edited {
					if v == edited {
						m.Checksum = "other"
					}
				}
				migrations = append(migrations, m)
			}
			lines := history.Compare(entries, migrations)
			var got []history.State
			for i, line := range lines {
				got = append(got, line.State)
				if i > 0 && lines[i-1].Version >= line.Version {
					t.Errorf("version %d comes after %d", line.Version, lines[i-1].Version)
				}
				if (line.AppliedAt != nil) == (line.State == history.Pending || line.State == history.Late) {
					t.Errorf("%d is %s and was applied at %v", line.Version, line.State, line.AppliedAt)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
			err := history.Check(lines)
			if (err == nil) != test.match || err != nil && !errors.Is(err, history.ErrMismatch) {
				t.Errorf("Check: got %v, want a match: %v", err, test.match)
			}
		})
	}
}

// All that is wrong is named at once.
func TestCheckNamesAll(t *testing.T) {
	err := history.Check([]history.Line{
		{Version: 1, Name: "0001_a.sql", State: history.Edited}, {Version: 2, Name: "0002_b.sql", State: history.Missing},
	})
	if err == nil || !strings.Contains(err.Error(), "0001_a.sql was edited") || !strings.Contains(err.Error(), "0002_b.sql was applied") {
		t.Errorf("got %v", err)
	}
}
