// Package postgres holds the playbook service's schema for PostgreSQL as numbered
// SQL files. Only the migrate process and tests import it.
package postgres

import "embed"

// Files are the migrations. A file that was released is never edited; changes
// come as files with a higher number.
//
//go:embed *.sql
var Files embed.FS
