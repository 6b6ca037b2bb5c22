// Package pgsql is a database/sql driver for PostgreSQL. It stands on pgconn, the
// protocol half of pgx. The whole of pgx knows every type of PostgreSQL, which
// costs an image 0.7 MB compressed; this driver knows the few types that services
// and migrations use, and hands on all others as text.
//
// Statements with parameters are prepared and kept per connection, where
// Config.StatementCache says so. Statements that Exec gets without parameters use
// the simple protocol, which takes several statements in one string. Parameters
// are int64, float64, bool, string, []byte, time.Time and nil; times are kept in
// UTC, to the microsecond. Errors of the server unwrap to *pgconn.PgError; those of
// a context that ended, to the context's error too.
//
// Results are read as they are asked for. A transaction has one connection, so a
// result has to be closed before its next statement.
package pgsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// Connector is a driver.Connector. Make it with NewConnector.
type Connector struct {
	config  Config
	answers atomic.Int64
}

var _ driver.Connector = (*Connector)(nil)

// NewConnector returns a connector. It does not connect.
func NewConnector(config Config) *Connector {
	grace := config.CancelGrace
	server := config.server.Copy()
	// A context that ends must stop the statement on the server, not merely stop
	// waiting for it: a statement that nobody waits for would hold its locks.
	server.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: grace}
	}
	server.OnNotification = keepNotification
	config.server = server
	return &Connector{config: config}
}

// Answers says how often the server has answered until now: a connection that was
// opened, a statement that ended. While the number grows the server is there.
func (c *Connector) Answers() int64 { return c.answers.Load() }

// Connect opens a connection.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	pg, err := pgconn.ConnectConfig(ctx, c.config.server)
	if err != nil {
		return nil, err
	}
	if err := c.setDateStyle(ctx, pg); err != nil {
		farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = pg.Close(farewell) // the server notices in any case
		return nil, err
	}
	c.answers.Add(1)
	now := time.Now()
	return &conn{
		pg: pg, connector: c, statements: newStatements(c.config.StatementCache), used: now, expires: c.config.Pool.expiry(now),
	}, nil
}

// setDateStyle asks for times in the form in which they are read, where the database
// or the role has another default and the URL says nothing about it. In the startup
// packet that would change the order of day and month in what is written too.
func (c *Connector) setDateStyle(ctx context.Context, pg *pgconn.PgConn) error {
	if style := pg.ParameterStatus("DateStyle"); style == "" || strings.HasPrefix(style, "ISO") {
		return nil
	}
	for name, value := range c.config.server.RuntimeParams {
		if strings.EqualFold(name, "DateStyle") || name == "options" && strings.Contains(strings.ToLower(value), "datestyle") {
			return nil
		}
	}
	if _, err := pg.Exec(ctx, "SET DateStyle = ISO").ReadAll(); err != nil {
		return fmt.Errorf("setting the form of times: %w", err)
	}
	return nil
}

// Driver returns a driver that refuses to open connections by name: only
// connectors can.
func (c *Connector) Driver() driver.Driver { return noNames{} }

type noNames struct{}

// Open always fails.
func (noNames) Open(string) (driver.Conn, error) {
	return nil, errors.New("pgsql: connections are opened by a Connector")
}
