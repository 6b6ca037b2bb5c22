// Package open finds the store that a database URL names.
package open

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"

	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// Store is a usecase.Store with what its owner needs besides.
type Store interface {
	usecase.Store
	// Ping returns nil when the database answers.
	Ping(ctx context.Context) error
	// CheckSchema returns nil when the database has the tables that the store
	// needs.
	CheckSchema(ctx context.Context) error
	// Pool says how many connections there are, how many of them are in use, how
	// many there may be, and how often somebody had to wait for one.
	Pool() (open, inUse, most int, waits int64)
	// Close gives back what the store holds; no other method may be called
	// afterwards.
	Close()
}

// Open returns the store for databaseURL: postgres://… or sqlite:///path, the
// latter only in binaries built with the tag sqlite. It does not wait for the
// database. Errors hold no password.
func Open(databaseURL string) (Store, error) {
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		// The error of url.Parse quotes the URL, password and all.
		return nil, errors.New("the database URL cannot be parsed; it must be postgres://… or sqlite:///path")
	}
	switch parsed.Scheme {
	case "postgres", "postgresql":
		return postgres.Open(databaseURL)
	case "sqlite":
		// sqlite://file.db names a host, and SQLite would take the empty path for a
		// database that vanishes with its connection.
		if parsed.Host != "" || !path.IsAbs(parsed.Path) {
			return nil, errors.New("the database URL must hold an absolute path, as sqlite:///folder/file.db does")
		}
		return openSQLite(parsed.Path)
	default:
		return nil, fmt.Errorf("the database URL's scheme is %q; it must be postgres or sqlite", parsed.Scheme)
	}
}
