// Package pgsql is a database/sql driver for PostgreSQL that is just enough for
// migrations: statements with and without parameters, in text form, results
// read whole. It stands on pgconn, the protocol half of pgx. The whole of pgx
// knows every type of PostgreSQL, which costs a migrate image 0.7 MB compressed
// and buys it nothing.
package pgsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

const (
	// connectTimeout bounds one attempt to reach the server, unless the URL's
	// connect_timeout says otherwise.
	connectTimeout = 5 * time.Second
	// cancelGrace is how long the server may take to act on a cancelled
	// statement before the connection is dropped.
	cancelGrace = 5 * time.Second
)

// Connector is a driver.Connector. Make it with NewConnector.
type Connector struct {
	config *pgconn.Config
}

var _ driver.Connector = (*Connector)(nil)

// NewConnector returns a connector for the database that databaseURL names. It
// does not connect. The error holds no password.
func NewConnector(databaseURL string) (*Connector, error) {
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("reading the database URL: %w", reason(err))
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	// A context that ends must stop the statement on the server, not merely stop
	// waiting for it: a migration that nobody waits for would hold its locks.
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelGrace}
	}
	return &Connector{config: config}, nil
}

// reason is what pgx says about a URL without the URL and the cause, which may
// quote it: pgx takes out only those passwords that it can find.
func reason(err error) error {
	text := err.Error()
	if cause := errors.Unwrap(err); cause != nil {
		text = strings.TrimSuffix(text, " ("+cause.Error()+")")
	}
	if end := strings.LastIndex(text, "`: "); end >= 0 {
		return errors.New(text[end+len("`: "):])
	}
	return errors.New("it cannot be parsed")
}

// Connect opens a connection.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	pg, err := pgconn.ConnectConfig(ctx, c.config)
	if err != nil {
		return nil, err
	}
	return &conn{pg: pg, statements: map[string]*statement{}}, nil
}

// Driver returns a driver that refuses to open connections by name: only
// connectors can.
func (c *Connector) Driver() driver.Driver { return noNames{} }

type noNames struct{}

// Open always fails.
func (noNames) Open(string) (driver.Conn, error) {
	return nil, errors.New("pgsql: connections are opened by a Connector")
}
