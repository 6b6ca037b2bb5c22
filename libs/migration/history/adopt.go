package history

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/source"
)

// ReadGoose returns what the history that goose keeps says, for databases that were
// migrated with goose itself before; nothing where there is none. It believes that
// the files were the same then, because goose keeps no checksums.
func ReadGoose(ctx context.Context, db Runner, dialect database.Dialect, migrations []source.Migration) ([]Entry, error) {
	query := `SELECT to_regclass('goose_db_version') IS NOT NULL`
	if dialect == database.SQLite {
		query = `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`
	}
	var exists bool
	if err := db.QueryRowContext(ctx, query).Scan(&exists); err != nil {
		return nil, fmt.Errorf("looking for goose's history: %w", err)
	}
	if !exists {
		return nil, nil
	}
	// goose adds a line each time that a migration is applied or taken back, in some
	// of its versions; the last one counts.
	rows, err := db.QueryContext(ctx, `SELECT version_id, is_applied, tstamp FROM goose_db_version WHERE version_id > 0 ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("reading goose's history: %w", err)
	}
	defer rows.Close()
	applied := map[int64]Entry{}
	for rows.Next() {
		var version int64
		var is bool
		var stamp any
		if err := rows.Scan(&version, &is, &stamp); err != nil {
			return nil, fmt.Errorf("reading goose's history: %w", err)
		}
		delete(applied, version)
		if is {
			at, _ := stamp.(time.Time)
			applied[version] = Entry{Version: version, Name: fmt.Sprintf("version %d of goose's history", version), AppliedAt: at.UTC()}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading goose's history: %w", err)
	}
	for _, m := range migrations {
		if entry, is := applied[m.Version]; is {
			entry.Name, entry.Checksum = m.Name, m.Checksum
			applied[m.Version] = entry
		}
	}
	var entries []Entry
	for _, version := range slices.Sorted(maps.Keys(applied)) {
		entries = append(entries, applied[version])
	}
	return entries, nil
}

// Adopt fills an empty history from the one that goose keeps. It returns how many
// it took over.
func Adopt(ctx context.Context, db Runner, dialect database.Dialect, migrations []source.Migration) (int, error) {
	entries, err := ReadGoose(ctx, db, dialect, migrations)
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		if entry.Checksum == "" {
			return 0, fmt.Errorf("%w: goose applied version %d, which is not in this binary: put the file back, or deploy the image that has it", ErrMismatch, entry.Version)
		}
		if err := Insert(ctx, db, source.Migration{Version: entry.Version, Name: entry.Name, Checksum: entry.Checksum}); err != nil {
			return 0, err
		}
	}
	return len(entries), nil
}
