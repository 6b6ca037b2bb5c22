// Package source reads migrations: SQL files named NNNN_name.sql in goose's
// format, with settings of their own in comments.
package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Migration is one file.
type Migration struct {
	// Version is the number that the name begins with.
	Version int64
	// Name is the file's name.
	Name string
	// Checksum is that of the content, whatever the line ends are.
	Checksum string
	// Up and Down are the two parts, as they are in the file.
	Up, Down string
	// NoTransaction says that the statements run each by itself.
	NoTransaction bool
	// ReadUntil is set where the file takes something away: the last version whose
	// servers still use it. Servers up to that version break; 0 means that the file
	// takes nothing away.
	ReadUntil int64
	// LockTimeout and StatementTimeout are for this file alone; nil where it does
	// not say.
	LockTimeout, StatementTimeout *time.Duration
}

const (
	upMarker            = "-- +goose Up"
	downMarker          = "-- +goose Down"
	noTransactionMarker = "-- +goose NO TRANSACTION"
	// directive begins the comments that are for us.
	directive = "-- soketsugo:"
)

// fileName is what a migration must be called: four digits or more, so that
// names sort as numbers do.
var fileName = regexp.MustCompile(`^(\d{4,})_[a-z0-9]+(_[a-z0-9]+)*\.sql$`)

// Read returns the migrations in a folder, in the order of their versions. The
// error holds a line for each file that is wrong.
func Read(files fs.FS) ([]Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("listing migrations: %w", err)
	}
	var all []Migration
	var mistakes []error
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading a migration: %w", err)
		}
		migration, err := Parse(name, content)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", name, err))
			continue
		}
		all = append(all, migration)
	}
	slices.SortStableFunc(all, func(a, b Migration) int { return int(a.Version - b.Version) })
	for i := 1; i < len(all); i++ {
		if all[i-1].Version == all[i].Version {
			mistakes = append(mistakes, fmt.Errorf("%s: its number is that of %s too: give the one that was merged last the next free number",
				all[i].Name, all[i-1].Name))
		}
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	if len(all) == 0 {
		return nil, errors.New("there are no migrations: the binary was built with an empty folder")
	}
	return all, nil
}

// Parse reads one file. The migration is whole where the error is about one of its
// statements.
func Parse(name string, content []byte) (Migration, error) {
	match := fileName.FindStringSubmatch(name)
	if match == nil {
		return Migration{}, errors.New("its name must be like 0007_add_owner.sql: four digits or more, then small letters, digits and single underscores")
	}
	version, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil || version == 0 {
		return Migration{}, errors.New("its number must be from 1 to 9223372036854775807")
	}
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	sum := sha256.Sum256(content)
	text := string(content)
	m := Migration{Version: version, Name: name, Checksum: hex.EncodeToString(sum[:])}
	var part *strings.Builder
	var up, down strings.Builder
	var hasUp, hasDown bool
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == upMarker:
			part = &up
			hasUp = true
			continue
		case trimmed == downMarker:
			part = &down
			hasDown = true
			continue
		case trimmed == noTransactionMarker:
			m.NoTransaction = true
			continue
		case strings.HasPrefix(trimmed, directive):
			if err := m.direct(strings.TrimPrefix(trimmed, directive)); err != nil {
				return Migration{}, err
			}
		}
		if part != nil {
			part.WriteString(line)
		}
	}
	if !hasUp {
		return Migration{}, fmt.Errorf("it has no line %q before the statements that make the change", upMarker)
	}
	if !hasDown {
		return Migration{}, fmt.Errorf("it has no line %q before the statements that take the change back", downMarker)
	}
	m.Up, m.Down = strings.TrimSpace(up.String()), strings.TrimSpace(down.String())
	return m, m.check()
}

// direct reads what stands behind "-- soketsugo:".
func (m *Migration) direct(text string) error {
	name, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	switch name {
	case "lock-timeout", "statement-timeout":
		limit, err := time.ParseDuration(rest)
		if err != nil || limit < 0 {
			return fmt.Errorf("%s%s is %q; it takes a duration such as 500ms, 20s or 5m, or 0s for none", directive, name, rest)
		}
		if name == "lock-timeout" {
			m.LockTimeout = &limit
		} else {
			m.StatementTimeout = &limit
		}
	case "contract":
		until, err := strconv.ParseInt(rest, 10, 64)
		if err != nil || until < 1 || until >= m.Version {
			return fmt.Errorf("%scontract is %q; it takes the number of the last migration whose servers use what is taken away, lower than the file's own", directive, rest)
		}
		m.ReadUntil = until
	case "allow":
		// For the lint.
	default:
		return fmt.Errorf("%s%s is not known; there are lock-timeout, statement-timeout, contract and allow", directive, name)
	}
	return nil
}

// Index is an index and its table, as they are written in a file.
type Index struct{ Name, Table string }

// ConcurrentIndexes returns the indexes that the up part, or the down part, makes
// with CREATE INDEX CONCURRENTLY.
func (m *Migration) ConcurrentIndexes(up bool) []Index {
	part := m.Down
	if up {
		part = m.Up
	}
	if !m.NoTransaction {
		return nil
	}
	var indexes []Index
	for _, words := range statements(part) {
		if index, found := concurrentIndex(words); found {
			indexes = append(indexes, index)
		}
	}
	return indexes
}

// concurrentIndex returns the index that a statement makes with CREATE INDEX
// CONCURRENTLY, and whether it makes one. The index is empty where it has no name,
// or one that is written in a way that is not understood.
func concurrentIndex(words []string) (index Index, found bool) {
	words, found = cutKeywords(words, "CREATE", "INDEX", "CONCURRENTLY")
	if !found {
		words, found = cutKeywords(words, "CREATE", "UNIQUE", "INDEX", "CONCURRENTLY")
	}
	if !found {
		return Index{}, false
	}
	words, _ = cutKeywords(words, "IF", "NOT", "EXISTS")
	if len(words) < 3 || !isName(words[0]) || !strings.EqualFold(words[1], "ON") {
		return Index{}, true
	}
	name := words[0]
	words, _ = cutKeywords(words[2:], "ONLY")
	if len(words) == 0 || !isName(words[0]) {
		return Index{}, true
	}
	table := words[0]
	for words = words[1:]; len(words) > 1 && words[0] == "." && isName(words[1]); words = words[2:] {
		table += "." + words[1]
	}
	if len(words) > 0 && words[0] == "&" {
		// U&"...", a name with escapes.
		return Index{}, true
	}
	return Index{name, table}, true
}

// check refuses statements that cannot be run as what they are.
func (m *Migration) check() error {
	if slices.ContainsFunc(slices.Concat(statements(m.Up), statements(m.Down)), readsClient) {
		return errors.New("COPY ... FROM STDIN waits for rows that nobody sends: write INSERT INTO ... VALUES")
	}
	for _, up := range []bool{true, false} {
		for _, index := range m.ConcurrentIndexes(up) {
			if index == (Index{}) {
				return errors.New("the name of the index, or of the table, of a CREATE INDEX CONCURRENTLY is not understood, so that an invalid one that a failed run left would not be found: " +
					"write CREATE INDEX CONCURRENTLY IF NOT EXISTS name ON table")
			}
		}
	}
	return nil
}

// readsClient says whether a statement is a COPY of what the client sends, which
// the grammar calls STDIN or STDOUT.
func readsClient(words []string) bool {
	if _, found := cutKeywords(words, "COPY"); !found {
		return false
	}
	for i := range words {
		if from, found := cutKeywords(words[i:], "FROM"); found && len(from) > 0 {
			return strings.EqualFold(from[0], "STDIN") || strings.EqualFold(from[0], "STDOUT")
		}
	}
	return false
}

// Concurrent says whether the file has a statement that waits for others
// without making them wait.
func (m *Migration) Concurrent() bool {
	return m.NoTransaction && slices.ContainsFunc(statements(m.Up), func(words []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, "CONCURRENTLY") })
	})
}
