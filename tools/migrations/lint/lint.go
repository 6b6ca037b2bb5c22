// Package lint finds what in a PostgreSQL migration would make the servers that
// run meanwhile wait or fail, and says how to write it instead.
package lint

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/soketsugo/soketsugo/libs/migration/source"
	"github.com/soketsugo/soketsugo/tools/migrations/lint/grammar"
)

// File is one migration.
type File struct {
	// Path is what findings call it; the last part is the migration's name.
	Path    string
	Content []byte
}

// Finding is one thing that is wrong with a file.
type Finding struct {
	Path string `json:"file"`
	// Line is that of the statement.
	Line int    `json:"line"`
	Rule string `json:"rule"`
	// Breaks is what would happen, and to whom.
	Breaks string `json:"breaks"`
	// Instead is what to write instead.
	Instead string `json:"instead"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s; %s", f.Path, f.Line, f.Rule, f.Breaks, f.Instead)
}

// Files returns the findings of all files of a folder, in order. They must be in
// the order in which they are applied: what is safe in one often depends on what
// others did before.
func Files(files []File) []Finding {
	known := newSchema()
	var all []Finding
	for _, file := range files {
		known.nextFile()
		all = append(all, lintFile(file, known)...)
	}
	return all
}

// linter looks at one file.
type linter struct {
	path      string
	migration source.Migration
	known     *schema
	findings  []Finding

	// line is that of the statement that is being looked at.
	line int
	// down says that the statement is of the down part.
	down bool
	// locks is a statement of before in the same transaction that locks a table that
	// was there before the file; dataFirst one that changes many rows.
	locks, dataFirst *lockedBy
}

// lockedBy is a statement that holds something until the end of the transaction.
type lockedBy struct {
	line  int
	table string
}

func lintFile(file File, known *schema) []Finding {
	l := &linter{path: file.Path, known: known}
	script := readScript(file.Content)
	for _, mistake := range script.mistakes {
		l.line = mistake.line
		l.report(ruleFormat, mistake.text, mistake.instead)
	}
	migration, err := source.Parse(filepath.Base(file.Path), file.Content)
	if err != nil {
		l.line = 1
		l.report(ruleFormat, "migrate does not take the file: "+err.Error(), "write it as docs/migrations-lint.md shows")
	}
	l.migration = migration
	var lines []int
	for _, part := range []struct {
		chunks []chunk
		down   bool
	}{{script.up, false}, {script.down, true}} {
		statements := l.parse(part.chunks)
		l.down, l.locks, l.dataFirst = part.down, nil, nil
		if part.down {
			// What the down part makes and drops is not there for the next file.
			l.known = known.clone()
		}
		for i, s := range statements {
			l.line = s.line
			lines = append(lines, s.line)
			if i == 1 && migration.NoTransaction {
				l.report(ruleOneStatement, "a file without a transaction has another statement before this one: when the run ends between them, "+
					"the next run begins with the first again, on a schema that has it already", "give this statement a file of its own, with the next number")
			}
			l.statement(s.statement)
		}
		if part.down && err == nil && len(statements) == 0 && !slices.ContainsFunc(l.findings, func(f Finding) bool { return f.Rule == ruleSyntax.Name }) {
			l.line = script.downLine
			l.report(ruleNoDown, "the down part has no statement: the release that brings this file cannot be taken back",
				"write the statements that undo the up part, for example DROP TABLE for each CREATE TABLE")
		}
	}
	l.directives(script)
	findings := applyWaivers(file.Path, l.findings, script.waivers, lines)
	slices.SortStableFunc(findings, func(a, b Finding) int { return cmp.Compare(a.Line, b.Line) })
	return findings
}

// directives looks at the settings of the file.
func (l *linter) directives(script script) {
	m := &l.migration
	if m.LockTimeout != nil && *m.LockTimeout == 0 && !m.Concurrent() {
		l.line = script.lockTimeoutLine
		l.report(ruleLockTimeoutOff, "without a limit the migration waits for its lock behind the longest query, and everybody who uses the table waits behind the migration",
			"name a limit, for example -- soketsugo:lock-timeout 5s; what does not get its lock is tried again")
	}
}

// located is a statement with its line in the file.
type located struct {
	line      int
	statement grammar.Statement
}

// parse reads what migrate sends to the database, piece by piece.
func (l *linter) parse(chunks []chunk) []located {
	var all []located
	for _, c := range chunks {
		statements, err := grammar.Parse(c.text)
		if err != nil {
			if l.syntax(c, err) {
				return all
			}
			continue
		}
		for _, s := range statements {
			all = append(all, located{c.lineAt(s.Offset), s})
		}
	}
	return all
}

// report adds a finding for the current statement.
func (l *linter) report(r *Rule, breaks, instead string) {
	if l.down && !r.Down {
		return
	}
	l.findings = append(l.findings, Finding{Path: l.path, Line: l.line, Rule: r.Name, Breaks: breaks, Instead: instead})
}
