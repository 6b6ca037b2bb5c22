// Package sqlite holds the playbook service's schema for SQLite as numbered
// SQL files. Only the migrate process and tests import it.
package sqlite

import "embed"

// Files are the migrations. A file that was released is never edited; changes
// come as files with a higher number.
//
//go:embed *.sql
var Files embed.FS
