package main

import (
	"fmt"
	"testing/fstest"
)

// files are the same migrations in the two formats, in memory as they are in a
// binary that embeds them.
type files struct {
	count int
	// annotated holds one file for both directions, which goose and we read.
	annotated fstest.MapFS
	// split holds two files, which golang-migrate reads.
	split fstest.MapFS
}

// newFiles returns count migrations: by turns a new table with an index, and a
// column for it.
func newFiles(count int) *files {
	f := &files{count: count, annotated: fstest.MapFS{}, split: fstest.MapFS{}}
	for i := range count {
		table := fmt.Sprintf("things_%d", i/2)
		up := fmt.Sprintf("CREATE TABLE %[1]s (\n  id bigint PRIMARY KEY,\n  name text NOT NULL,\n  created_at timestamptz NOT NULL DEFAULT now()\n);\n\n"+
			"CREATE INDEX %[1]s_by_name ON %[1]s (name);\n", table)
		down := fmt.Sprintf("DROP TABLE %s;\n", table)
		if i%2 == 1 {
			up = fmt.Sprintf("ALTER TABLE %s ADD COLUMN owner text;\n", table)
			down = fmt.Sprintf("ALTER TABLE %s DROP COLUMN owner;\n", table)
		}
		name := fmt.Sprintf("%04d_change", i+1)
		f.annotated[name+".sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + up + "\n-- +goose Down\n" + down)}
		f.split[name+".up.sql"] = &fstest.MapFile{Data: []byte(up)}
		f.split[name+".down.sql"] = &fstest.MapFile{Data: []byte(down)}
	}
	return f
}
