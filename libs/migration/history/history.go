// Package history keeps, in the database itself, which migrations it has, and
// compares that with those that a binary holds.
package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/source"
)

// Table is where applied migrations are recorded: version, file name, checksum
// of the file, and when. Servers read the version there.
const Table = "soketsugo_migrations"

// Entry is a migration that the database has.
type Entry struct {
	Version   int64
	Name      string
	Checksum  string
	AppliedAt time.Time
}

// Runner is what both a connection and a transaction can do.
type Runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Exists says whether the database has a history yet.
func Exists(ctx context.Context, db Runner, dialect database.Dialect) (bool, error) {
	query := `SELECT to_regclass('` + Table + `') IS NOT NULL`
	if dialect == database.SQLite {
		query = `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = '` + Table + `'`
	}
	var exists bool
	if err := db.QueryRowContext(ctx, query).Scan(&exists); err != nil {
		return false, fmt.Errorf("looking for the history: %w", err)
	}
	return exists, nil
}

// Create makes an empty history where there is none.
func Create(ctx context.Context, db Runner, dialect database.Dialect) error {
	statement := `CREATE TABLE IF NOT EXISTS ` + Table + ` (
		version bigint PRIMARY KEY,
		name text NOT NULL,
		checksum text NOT NULL,
		applied_at timestamptz NOT NULL DEFAULT now()
	)`
	if dialect == database.SQLite {
		statement = `CREATE TABLE IF NOT EXISTS ` + Table + ` (
			version INTEGER PRIMARY KEY,
			name TEXT NOT NULL,
			checksum TEXT NOT NULL,
			applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
		)`
	}
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("creating the table %s: %w", Table, err)
	}
	return nil
}

// Read returns what the database has, in the order of versions. The history
// must exist.
func Read(ctx context.Context, db Runner) ([]Entry, error) {
	rows, err := db.QueryContext(ctx, `SELECT version, name, checksum, applied_at FROM `+Table+` ORDER BY version`)
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	defer rows.Close()
	var entries []Entry
	for rows.Next() {
		var e Entry
		var at any
		if err := rows.Scan(&e.Version, &e.Name, &e.Checksum, &at); err != nil {
			return nil, fmt.Errorf("reading the history: %w", err)
		}
		switch at := at.(type) {
		case time.Time:
			e.AppliedAt = at.UTC()
		case string:
			// SQLite has no type for times.
			if e.AppliedAt, err = time.Parse(time.RFC3339Nano, at); err != nil {
				return nil, fmt.Errorf("reading the history: %w", err)
			}
		}
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	return entries, nil
}

// Insert notes that a migration was applied. It fails when it was before.
func Insert(ctx context.Context, db Runner, m source.Migration) error {
	_, err := db.ExecContext(ctx, `INSERT INTO `+Table+` (version, name, checksum) VALUES ($1, $2, $3)`, m.Version, m.Name, m.Checksum)
	if err != nil {
		return fmt.Errorf("noting that %s was applied: %w", m.Name, err)
	}
	return nil
}

// ErrOtherProcess is returned by InsertBy when the statement reached another process
// of PostgreSQL than the one that holds the lock.
var ErrOtherProcess = errors.New("another process of the server holds the lock")

// InsertBy is Insert by one process of PostgreSQL and no other one.
func InsertBy(ctx context.Context, db Runner, m source.Migration, pid int64) error {
	const query = `INSERT INTO ` + Table + ` (version, name, checksum) SELECT $1::int8, $2::text, $3::text WHERE pg_backend_pid() = $4::int8`
	result, err := db.ExecContext(ctx, query, m.Version, m.Name, m.Checksum, pid)
	if err == nil {
		var count int64
		if count, err = result.RowsAffected(); err == nil && count == 0 {
			err = ErrOtherProcess
		}
	}
	if err != nil {
		return fmt.Errorf("noting that %s was applied: %w", m.Name, err)
	}
	return nil
}

// Delete notes that a migration was taken back.
func Delete(ctx context.Context, db Runner, version int64) error {
	if _, err := db.ExecContext(ctx, `DELETE FROM `+Table+` WHERE version = $1`, version); err != nil {
		return fmt.Errorf("noting that version %d was taken back: %w", version, err)
	}
	return nil
}

// ErrMismatch is returned by Check when the database's history is not one that
// the binary's migrations can be added to.
var ErrMismatch = errors.New("the database's history does not match")

// State is what is known of one migration.
type State string

// The states.
const (
	Applied State = "applied"
	Pending State = "pending"
	// Edited: the file that was applied had another content.
	Edited State = "edited"
	// Missing: the binary has no such file, and has newer ones.
	Missing State = "missing"
	// Unknown: the database is ahead of the binary.
	Unknown State = "unknown"
	// Late: the database has newer ones already.
	Late State = "out of order"
)

// Line is the state of one migration.
type Line struct {
	Version   int64      `json:"version"`
	Name      string     `json:"name"`
	State     State      `json:"state"`
	AppliedAt *time.Time `json:"applied_at,omitempty"`
}

// Compare lists what the database has and what the binary has, in the order of
// versions.
func Compare(entries []Entry, migrations []source.Migration) []Line {
	var lines []Line
	newest := int64(0)
	if len(entries) > 0 {
		newest = entries[len(entries)-1].Version
	}
	last := migrations[len(migrations)-1].Version
	for len(entries) > 0 || len(migrations) > 0 {
		switch {
		case len(migrations) == 0 || len(entries) > 0 && entries[0].Version < migrations[0].Version:
			e := entries[0]
			entries = entries[1:]
			state := Missing
			if e.Version > last {
				state = Unknown
			}
			lines = append(lines, Line{e.Version, e.Name, state, &e.AppliedAt})
		case len(entries) == 0 || migrations[0].Version < entries[0].Version:
			m := migrations[0]
			migrations = migrations[1:]
			state := Pending
			if m.Version < newest {
				state = Late
			}
			lines = append(lines, Line{m.Version, m.Name, state, nil})
		default:
			e, m := entries[0], migrations[0]
			entries, migrations = entries[1:], migrations[1:]
			state := Applied
			if e.Checksum != m.Checksum {
				state = Edited
			}
			lines = append(lines, Line{m.Version, m.Name, state, &e.AppliedAt})
		}
	}
	return lines
}

// Check returns an ErrMismatch that names each migration that is neither applied
// as it is nor waiting for its turn, and says what to do.
func Check(lines []Line) error {
	var mistakes []string
	for _, line := range lines {
		switch line.State {
		case Edited:
			mistakes = append(mistakes, line.Name+" was edited after it was applied: put the released content back and make the change in a new migration")
		case Missing:
			mistakes = append(mistakes, line.Name+" was applied and is not in this binary: put the file back, or deploy the image that has it")
		case Unknown:
			mistakes = append(mistakes, line.Name+" was applied by a newer release that this binary does not know: to roll back, leave the newer schema and deploy the older servers alone, "+
				"or take it back with the newer image's down command")
		case Late:
			mistakes = append(mistakes, line.Name+" is older than what was applied already: give it the next free number")
		}
	}
	if len(mistakes) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrMismatch, strings.Join(mistakes, "; "))
}
