//go:build sqlite

package playbook_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/source"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
	"github.com/soketsugo/soketsugo/migrations/playbook/postgres"
	"github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
)

var cluster postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

var files = map[database.Dialect]fs.FS{database.PostgreSQL: postgres.Files, database.SQLite: sqlite.Files}

// A kind is a kind of database.
type kind struct {
	dialect database.Dialect
	url     func(t *testing.T) string
	// schema returns everything that migrations make, as SQL.
	schema func(t *testing.T, databaseURL string) string
}

func kinds() []kind {
	return []kind{
		{database.PostgreSQL, func(t *testing.T) string { return cluster.Database(t) },
			func(t *testing.T, databaseURL string) string { return postgrestest.Dump(t, databaseURL) }},
		{database.SQLite, func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "test.db") },
			func(t *testing.T, databaseURL string) string {
				return strings.Join(texts(t, open(t, databaseURL), "SELECT COALESCE(sql, name) FROM sqlite_master ORDER BY name"), "\n")
			}},
	}
}

func open(t *testing.T, databaseURL string) *database.Database {
	t.Helper()
	db, err := database.Open(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func migrator(t *testing.T, databaseURL string) *migration.Migrator {
	t.Helper()
	settings := migration.Config{DatabaseWait: time.Minute, LockWait: time.Minute}
	m, err := migration.New(open(t, databaseURL), files, settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Each migration, taken back, leaves the schema as it was before, and applied
// again makes the same as at first.
func TestUpDownUp(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(string(kind.dialect), func(t *testing.T) {
			migrations, err := source.Read(files[kind.dialect])
			if err != nil {
				t.Fatal(err)
			}
			databaseURL := kind.url(t)
			m := migrator(t, databaseURL)
			// The first run also makes the history.
			up(t, m, migrations[0].Version)
			down(t, m, 0)
			before, beforeVersion := kind.schema(t, databaseURL), int64(0)
			for _, migration := range migrations {
				up(t, m, migration.Version)
				after := kind.schema(t, databaseURL)
				down(t, m, beforeVersion)
				if diff := cmp.Diff(before, kind.schema(t, databaseURL)); diff != "" {
					t.Errorf("%s, taken back, leaves (-before +after):\n%s", migration.Name, diff)
				}
				up(t, m, migration.Version)
				if diff := cmp.Diff(after, kind.schema(t, databaseURL)); diff != "" {
					t.Errorf("%s makes another schema the second time (-first +second):\n%s", migration.Name, diff)
				}
				before, beforeVersion = after, migration.Version
			}
		})
	}
}

func up(t *testing.T, m *migration.Migrator, to int64) {
	t.Helper()
	if _, err := m.Up(t.Context(), to); err != nil {
		t.Fatal(err)
	}
}

func down(t *testing.T, m *migration.Migrator, to int64) {
	t.Helper()
	if _, err := m.Down(t.Context(), to); err != nil {
		t.Fatal(err)
	}
}

// Both kinds of database have the same migrations by number and name.
func TestSameFiles(t *testing.T) {
	names := func(dialect database.Dialect) []string {
		found, err := fs.Glob(files[dialect], "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if diff := cmp.Diff(names(database.PostgreSQL), names(database.SQLite)); diff != "" {
		t.Errorf("files (-postgres +sqlite):\n%s", diff)
	}
}

// types are the ways in which the two may differ: SQLite has few types. Times are
// microseconds since 1970 there, and JSON and IDs are text.
var types = map[string]string{
	"uuid": "TEXT", "text": "TEXT", "jsonb": "TEXT", "boolean": "INTEGER", "bytea": "BLOB",
	"smallint": "INTEGER", "integer": "INTEGER", "bigint": "INTEGER", "timestamp with time zone": "INTEGER",
}

// Both kinds of database have the same tables, with the same columns in the same
// order, of types that belong together, NULL in the same places, the same primary
// keys, foreign keys and indexes.
func TestSameSchema(t *testing.T) {
	described := map[database.Dialect][]string{}
	for _, kind := range kinds() {
		databaseURL := kind.url(t)
		up(t, migrator(t, databaseURL), migration.Newest)
		db := open(t, databaseURL)
		if kind.dialect == database.PostgreSQL {
			described[kind.dialect] = describePostgres(t, db)
		} else {
			described[kind.dialect] = describeSQLite(t, db)
		}
	}
	if len(described[database.PostgreSQL]) < 10 {
		t.Errorf("only %d facts were found", len(described[database.PostgreSQL]))
	}
	if diff := cmp.Diff(described[database.PostgreSQL], described[database.SQLite]); diff != "" {
		t.Errorf("schema (-postgres +sqlite):\n%s", diff)
	}
}

// describePostgres returns a line for each fact about the schema.
func describePostgres(t *testing.T, db *database.Database) []string {
	t.Helper()
	facts := texts(t, db, `SELECT format('%s.%s %s %s %s', table_name, column_name, ordinal_position, replace(data_type, ' ', '_'), is_nullable)
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'soketsugo_migrations'`)
	for i, fact := range facts {
		var column, position, name, nullable string
		if _, err := fmt.Sscan(fact, &column, &position, &name, &nullable); err != nil {
			t.Fatal(err)
		}
		kind, known := types[strings.ReplaceAll(name, "_", " ")]
		if !known {
			t.Errorf("%s has the type %s, of which this test does not know what it is in SQLite", column, name)
		}
		facts[i] = strings.Join([]string{column, position, kind, nullable}, " ")
	}
	facts = append(facts, texts(t, db, `SELECT format('primary key %s (%s)', conrelid::regclass,
			(SELECT string_agg(attname, ', ' ORDER BY ord) FROM unnest(conkey) WITH ORDINALITY k (num, ord) JOIN pg_attribute ON attrelid = conrelid AND attnum = num))
		FROM pg_constraint WHERE contype = 'p' AND connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'soketsugo_migrations'`)...)
	facts = append(facts, texts(t, db, `SELECT format('foreign key %s (%s) references %s', conrelid::regclass,
			(SELECT string_agg(attname, ', ' ORDER BY ord) FROM unnest(conkey) WITH ORDINALITY k (num, ord) JOIN pg_attribute ON attrelid = conrelid AND attnum = num),
			confrelid::regclass)
		FROM pg_constraint WHERE contype = 'f'`)...)
	facts = append(facts, texts(t, db, `SELECT format('index %s on %s (%s) unique %s partial %s', i.indexrelid::regclass, i.indrelid::regclass,
			(SELECT string_agg(pg_get_indexdef(i.indexrelid, n, false), ', ' ORDER BY n) FROM generate_series(1, i.indnkeyatts) n), i.indisunique, i.indpred IS NOT NULL)
		FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = 'public' AND NOT i.indisprimary`)...)
	slices.Sort(facts)
	return facts
}

// describeSQLite returns the same lines.
func describeSQLite(t *testing.T, db *database.Database) []string {
	t.Helper()
	const tables = `FROM sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'soketsugo_migrations'`
	facts := texts(t, db, `SELECT m.name || '.' || c.name || ' ' || (c.cid + 1) || ' ' || c.type || ' ' || CASE WHEN c."notnull" THEN 'NO' ELSE 'YES' END
		`+strings.Replace(tables, "m WHERE", "m, pragma_table_info(m.name) c WHERE", 1))
	facts = append(facts, texts(t, db, `SELECT 'primary key ' || m.name || ' (' ||
			(SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_table_info(m.name) WHERE pk > 0 ORDER BY pk)) || ')' `+tables)...)
	facts = append(facts, texts(t, db, `SELECT 'foreign key ' || m.name || ' (' || group_concat(f."from", ', ') || ') references ' || f."table"
		`+strings.Replace(tables, "m WHERE", "m, pragma_foreign_key_list(m.name) f WHERE", 1)+` GROUP BY m.name, f.id`)...)
	facts = append(facts, texts(t, db, `SELECT 'index ' || i.name || ' on ' || m.name || ' (' ||
			(SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) ||
			') unique ' || CASE WHEN i."unique" THEN 't' ELSE 'f' END || ' partial ' || CASE WHEN i.partial THEN 't' ELSE 'f' END
		`+strings.Replace(tables, "m WHERE", "m, pragma_index_list(m.name) i WHERE i.origin = 'c' AND", 1))...)
	slices.Sort(facts)
	return facts
}

// texts returns the one column of a query.
func texts(t *testing.T, db interface {
	Query(query string, args ...any) (*sql.Rows, error)
}, query string) []string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
