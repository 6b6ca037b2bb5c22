// Package released keeps released migrations as they are: a file SUMS beside
// them holds the checksum of each, one to a line and in order, so that an edit
// fails a test and two branches that add a migration conflict when they merge.
package released

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/libs/migration/source"
)

// SumsFile is the name of the file. Its format is that of sha256sum.
const SumsFile = "SUMS"

type line struct{ sum, name string }

func parse(sums []byte) ([]line, error) {
	var lines []line
	for number, text := range bytes.Split(bytes.TrimSpace(sums), []byte("\n")) {
		if len(text) == 0 {
			continue
		}
		sum, name, found := strings.Cut(string(text), "  ")
		if !found || len(sum) != 64 {
			return nil, fmt.Errorf("line %d of %s is %q; it must be a checksum, two spaces and a file name: resolve a merge by keeping both lines, "+
				"the later file under a new number, and run ./bazelw run //migrations:update", number+1, SumsFile, text)
		}
		lines = append(lines, line{sum, name})
	}
	return lines, nil
}

// Check returns an error that names each migration that is not as it was
// released, or that is not in SUMS.
func Check(migrations []source.Migration, sums []byte) error {
	lines, err := parse(sums)
	if err != nil {
		return err
	}
	mistakes := changed(migrations, lines)
	for _, m := range migrations {
		if !slices.ContainsFunc(lines, func(l line) bool { return l.name == m.Name }) {
			mistakes = append(mistakes, fmt.Errorf("%s is not in %s: ./bazelw run //migrations:update", m.Name, SumsFile))
		}
	}
	return errors.Join(mistakes...)
}

// changed names the migrations that are in SUMS and are gone, or other than they
// were.
func changed(migrations []source.Migration, lines []line) []error {
	var mistakes []error
	for _, l := range lines {
		i := slices.IndexFunc(migrations, func(m source.Migration) bool { return m.Name == l.name })
		switch {
		case i < 0:
			mistakes = append(mistakes, fmt.Errorf("%s is gone: databases have it; put it back", l.name))
		case migrations[i].Checksum != l.sum:
			mistakes = append(mistakes, fmt.Errorf("%s was edited: databases that have it refuse the next release; put it back and make the change in a new file "+
				"(if no database has it yet: ./bazelw run //migrations:update -- --edited %s)", l.name, l.name))
		}
	}
	return mistakes
}

// Update returns the content of SUMS for migrations. It fails as Check does for
// those that were changed, except for the ones that are named as edited.
func Update(migrations []source.Migration, sums []byte, edited []string) ([]byte, error) {
	lines, err := parse(sums)
	if err != nil {
		return nil, err
	}
	lines = slices.DeleteFunc(lines, func(l line) bool { return slices.Contains(edited, l.name) })
	if err := errors.Join(changed(migrations, lines)...); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, m := range migrations {
		fmt.Fprintf(&text, "%s  %s\n", m.Checksum, m.Name)
	}
	return text.Bytes(), nil
}
