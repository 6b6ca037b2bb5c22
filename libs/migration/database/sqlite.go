//go:build sqlite

package database

import (
	"context"
	"database/sql/driver"
	"net/url"

	"modernc.org/sqlite"
)

func newSQLiteConnector(path string) (driver.Connector, error) {
	options := url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "foreign_keys(1)"},
		// A transaction that will write waits for its turn when it begins.
		"_txlock": {"immediate"},
	}
	return &sqliteConnector{"file:" + (&url.URL{Path: path}).EscapedPath() + "?" + options.Encode()}, nil
}

// sqliteConnector opens connections to one file.
type sqliteConnector struct{ name string }

// Connect opens a connection.
func (c *sqliteConnector) Connect(context.Context) (driver.Conn, error) {
	return c.Driver().Open(c.name)
}

// Driver returns the driver.
func (*sqliteConnector) Driver() driver.Driver { return &sqlite.Driver{} }
