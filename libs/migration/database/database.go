// Package database opens the database that a migrate process works on.
package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path"
	"sync/atomic"
	"time"

	"github.com/soketsugo/soketsugo/libs/pgsql"
)

const (
	// connectTimeout bounds one attempt to reach the server, unless the URL's
	// connect_timeout says otherwise.
	connectTimeout = 5 * time.Second
	// cancelGrace is how long the server may take to act on a cancelled
	// statement before the connection is dropped.
	cancelGrace = 5 * time.Second
	// statementCache is more than a run has statements with parameters.
	statementCache = 32
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
	// connector opens the connections of sessions.
	connector driver.Connector
}

// Session returns the database over one connection that is never replaced. It
// is opened when it is first used; once it breaks, everything fails with
// ErrSessionLost.
func (d *Database) Session() *sql.DB {
	session := sql.OpenDB(&once{Connector: d.connector})
	session.SetMaxOpenConns(1)
	return session
}

// ErrSessionLost is what a session fails with whose connection broke.
var ErrSessionLost = errors.New("the connection to the database was lost")

// once opens a single connection. database/sql would quietly replace one that
// broke, and with it lose the locks that it held.
type once struct {
	driver.Connector
	opened atomic.Bool
}

// Connect opens the connection.
func (o *once) Connect(ctx context.Context) (driver.Conn, error) {
	if o.opened.Load() {
		return nil, ErrSessionLost
	}
	conn, err := o.Connector.Connect(ctx)
	if err == nil {
		o.opened.Store(true)
	}
	return conn, err
}

// BackendPID returns the server's process of a PostgreSQL session, as the server,
// or what stands in front of it, said when the connection was opened.
func BackendPID(ctx context.Context, session *sql.DB) (int64, error) {
	conn, err := session.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	var pid int64
	err = conn.Raw(func(raw any) error {
		backend, ok := raw.(interface{ BackendPID() int64 })
		if !ok {
			return errors.New("not a connection to PostgreSQL")
		}
		pid = backend.BackendPID()
		return nil
	})
	return pid, err
}

// Wait waits until something is told on a channel that a PostgreSQL session
// listens to, and no longer than limit, which is no error.
func Wait(ctx context.Context, session *sql.DB, limit time.Duration) error {
	conn, err := session.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = pgsql.WaitForNotification(limited, conn)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
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
		config, err := pgsql.ParseConfig(databaseURL, pgsql.Config{ConnectTimeout: connectTimeout, CancelGrace: cancelGrace})
		if err != nil {
			return nil, err
		}
		// The URL may be that of servers. What it says of pools and of prepared
		// statements is not for sessions that hold locks.
		config.Pool = pgsql.Pool{}
		// What runs for each migration need not be parsed each time.
		config.StatementCache, config.PrepareLate = statementCache, true
		return newDatabase(pgsql.NewConnector(config), PostgreSQL), nil
	case "sqlite":
		// sqlite://file.db names a host, and SQLite would take the empty path for a
		// database that vanishes with its connection.
		if parsed.Host != "" || !path.IsAbs(parsed.Path) {
			return nil, errors.New("the database URL must hold an absolute path, as sqlite:///folder/file.db does")
		}
		connector, err := newSQLiteConnector(parsed.Path)
		if err != nil {
			return nil, err
		}
		return newDatabase(connector, SQLite), nil
	default:
		return nil, fmt.Errorf("the database URL's scheme is %q; it must be postgres or sqlite", parsed.Scheme)
	}
}

func newDatabase(connector driver.Connector, dialect Dialect) *Database {
	return &Database{DB: sql.OpenDB(connector), Dialect: dialect, connector: connector}
}
