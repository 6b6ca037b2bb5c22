package history

import (
	"context"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/source"
)

// Adopt fills an empty history from the one that goose keeps, for databases that
// were migrated with goose itself before. It believes that the files were the
// same then, because goose keeps no checksums. It returns how many it took over.
func Adopt(ctx context.Context, db Runner, dialect database.Dialect, migrations []source.Migration) (int, error) {
	query := `SELECT to_regclass('goose_db_version') IS NOT NULL`
	if dialect == database.SQLite {
		query = `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`
	}
	var exists bool
	if err := db.QueryRowContext(ctx, query).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	// goose adds a line each time that a migration is applied or taken back, in some
	// of its versions; the last one counts.
	rows, err := db.QueryContext(ctx, `SELECT version_id, is_applied FROM goose_db_version WHERE version_id > 0 ORDER BY id`)
	if err != nil {
		return 0, fmt.Errorf("reading goose's history: %w", err)
	}
	defer rows.Close()
	applied := map[int64]bool{}
	for rows.Next() {
		var version int64
		var is bool
		if err := rows.Scan(&version, &is); err != nil {
			return 0, fmt.Errorf("reading goose's history: %w", err)
		}
		applied[version] = is
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("reading goose's history: %w", err)
	}
	adopted := 0
	for _, m := range migrations {
		if !applied[m.Version] {
			continue
		}
		delete(applied, m.Version)
		if err := Insert(ctx, db, m); err != nil {
			return 0, err
		}
		adopted++
	}
	for version, is := range applied {
		if is {
			return 0, fmt.Errorf("%w: goose applied version %d, which is not in this binary: put the file back, or deploy the image that has it", ErrMismatch, version)
		}
	}
	return adopted, nil
}
