// Package database opens the database that a migrate process works on.
package database

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path"

	"github.com/soketsugo/soketsugo/libs/migration/pgsql"
)

// Dialect is the kind of a database.
type Dialect string

// The dialects. SQLite can be opened only in binaries built with the tag
// sqlite.
const (
	PostgreSQL Dialect = "postgres"
	SQLite     Dialect = "sqlite"
)

// Database is an open database.
type Database struct {
	*sql.DB
	Dialect Dialect
}

// Open returns the database for databaseURL: postgres://… or sqlite:///path. It
// does not connect. Errors hold no password.
func Open(databaseURL string) (*Database, error) {
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		// The error of url.Parse quotes the URL, password and all.
		return nil, errors.New("the database URL cannot be parsed; it must be postgres://… or sqlite:///path")
	}
	switch parsed.Scheme {
	case "postgres", "postgresql":
		connector, err := pgsql.NewConnector(databaseURL)
		if err != nil {
			return nil, err
		}
		return &Database{DB: sql.OpenDB(connector), Dialect: PostgreSQL}, nil
	case "sqlite":
		// sqlite://file.db names a host, and SQLite would take the empty path for a
		// database that vanishes with its connection.
		if parsed.Host != "" || !path.IsAbs(parsed.Path) {
			return nil, errors.New("the database URL must hold an absolute path, as sqlite:///folder/file.db does")
		}
		db, err := openSQLite(parsed.Path)
		if err != nil {
			return nil, err
		}
		return &Database{DB: db, Dialect: SQLite}, nil
	default:
		return nil, fmt.Errorf("the database URL's scheme is %q; it must be postgres or sqlite", parsed.Scheme)
	}
}
