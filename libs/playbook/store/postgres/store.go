// Package postgres keeps playbooks and enrolments in PostgreSQL.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/soketsugo/soketsugo/libs/pgsql"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/schema"
)

const (
	// connectTimeout bounds one attempt to reach the server.
	connectTimeout = 5 * time.Second
	// queryTimeout is the patience of a store.
	queryTimeout = 10 * time.Second
	// closeTimeout is how long closing may take.
	closeTimeout = time.Second
	closePoll    = time.Millisecond
	// maxAttempts and firstPause bound how often, and after which pause at first,
	// something runs again that the server gave up because of others.
	maxAttempts = 5
	firstPause  = 10 * time.Millisecond
	// cancelGrace is how long a cancelled statement may take to end before its
	// connection is dropped. It is short, because callers wait for it.
	cancelGrace = 500 * time.Millisecond
	// statementCache is far more than the store has statements.
	statementCache = 128
	// leastMaxConns is how many connections there may be on a small machine.
	leastMaxConns = 4
	// connLifetime makes the pool heal by itself: after a failover or a change
	// of DNS, no connection to the old server is older than this.
	connLifetime       = 15 * time.Minute
	connLifetimeJitter = 3 * time.Minute
	connIdleTime       = 5 * time.Minute
)

// Store is a usecase.Store. It is safe for concurrent use.
type Store struct {
	db        *sql.DB
	connector *pgsql.Connector
	notices   *notices
	// patience bounds one statement, waiting for a connection included, when the
	// caller's context has no earlier deadline.
	patience time.Duration
}

// Open returns a store on the database that databaseURL names. It connects
// when it is first used, so that a process can start while its database is
// away. Settings of the pool, such as pool_max_conns, are taken from the URL's
// query; see package pgsql. The error holds no password.
func Open(databaseURL string) (*Store, error) {
	config, err := pgsql.ParseConfig(databaseURL, defaults())
	if err != nil {
		return nil, err
	}
	connector := pgsql.NewConnector(config)
	return &Store{
		db: pgsql.OpenPool(connector), connector: connector, notices: newNotices(connector), patience: queryTimeout,
	}, nil
}

// defaults are what holds where the URL says nothing.
func defaults() pgsql.Config {
	return pgsql.Config{
		ConnectTimeout: connectTimeout,
		CancelGrace:    cancelGrace,
		StatementCache: statementCache,
		Pool: pgsql.Pool{
			MaxConns:              max(leastMaxConns, runtime.NumCPU()),
			MaxConnLifetime:       connLifetime,
			MaxConnLifetimeJitter: connLifetimeJitter,
			MaxConnIdleTime:       connIdleTime,
		},
	}
}

// workspaceSetting is what the policies of row-level security read.
const workspaceSetting = "playbook.workspace"

// do runs f for a workspace: within the store's patience, with the setting that the
// policies read, and again where the server gave it up because of others. What f
// does on the database it must do with the context that it gets, in one statement
// or one transaction, and afresh each time. The error has its kind.
func (s *Store) do(ctx context.Context, workspace domain.Workspace, f func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeout(pgsql.WithLocal(ctx, workspaceSetting, string(workspace)), s.patience)
	defer cancel()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := f(limited)
		if !gaveUp(err) {
			return translate(ctx, err)
		}
		if attempt == maxAttempts {
			return &domain.Error{Kind: domain.Conflict, Message: "too many others change the same thing", Cause: err}
		}
		select {
		// By chance, so that those who got into each other's way do not meet again.
		case <-time.After(pause/2 + rand.N(pause)):
			pause *= 2
		case <-limited.Done():
			return translate(ctx, limited.Err())
		}
	}
}

// transact runs f in a transaction, as do runs it. Each statement sees what was
// committed before it.
func (s *Store) transact(ctx context.Context, workspace domain.Workspace, f func(ctx context.Context, tx *sql.Tx) error) error {
	return s.do(ctx, workspace, func(ctx context.Context) error {
		tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // it does nothing after a commit
		if err := f(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// gaveUp says whether the server undid something, not because of what it was but
// because of what others did at the same time.
func gaveUp(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == serializationFailure || refused.Code == deadlockDetected)
}

// Close gives all connections back. It waits for those in use, but not for long:
// a server that does not answer must not keep the process from its end.
func (s *Store) Close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.notices.close()
		// Every change was committed when its method returned.
		_ = s.db.Close()
		// database/sql closes those in use when they are given back, and tells nobody.
		for begin := time.Now(); s.db.Stats().OpenConnections > 0 && time.Since(begin) < closeTimeout; {
			time.Sleep(closePoll)
		}
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
	}
}

// Ping returns nil when the database answers. Where every connection is in use
// until ctx ends, the database answers if it answered others meanwhile: a process
// that is busy is not one whose database is away.
func (s *Store) Ping(ctx context.Context) error {
	before := s.connector.Answers()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		if ctx.Err() != nil && s.connector.Answers() > before {
			return nil
		}
		return translate(ctx, err)
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	return translate(ctx, conn.PingContext(ctx))
}

// CheckSchema returns nil when the database has the schema that the store needs,
// or a newer one.
func (s *Store) CheckSchema(ctx context.Context) error {
	var version int64
	err := s.db.QueryRowContext(ctx, `SELECT COALESCE(max(version), 0) FROM soketsugo_migrations`).Scan(&version)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == undefinedTable {
		err = nil
	}
	if err != nil {
		return translate(ctx, err)
	}
	return schema.Check(version)
}

// Pool says how many connections there are, how many of them are in use, how
// many there may be, and how often somebody had to wait for one.
func (s *Store) Pool() (open, inUse, most int, waits int64) {
	stats := s.db.Stats()
	return stats.OpenConnections, stats.InUse, stats.MaxOpenConnections, stats.WaitCount
}

// Codes of PostgreSQL's errors.
const (
	undefinedTable       = "42P01"
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

// unavailable says that the database cannot be used for now, whatever the
// cause.
func unavailable(cause error) error {
	return &domain.Error{Kind: domain.Unavailable, Message: "the database is not available", Cause: cause}
}

// translate gives an error from the server or the driver its kind. The context
// is the caller's, without our own deadline: when that one ends a call, it is
// the database that did not answer.
func translate(ctx context.Context, err error) error {
	var refused *pgconn.PgError
	var unreachable *pgconn.ConnectError
	var broken *net.OpError
	switch {
	case err == nil, ctx.Err() != nil:
	case errors.Is(err, context.DeadlineExceeded):
		// Also where the server said that the statement was cancelled.
		return unavailable(err)
	case errors.As(err, &refused):
		// Class 57P is an operator's intervention (shutdown, recovery), class 53
		// a lack of resources such as too many connections.
		if strings.HasPrefix(refused.Code, "57P") || strings.HasPrefix(refused.Code, "53") {
			return unavailable(err)
		}
	case errors.As(err, &unreachable), errors.As(err, &broken), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, driver.ErrBadConn), pgconn.SafeToRetry(err):
		return unavailable(err)
	}
	return err
}

// constraint returns the name of the unique constraint that err is about, or
// an empty string.
func constraint(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == uniqueViolation {
		return refused.ConstraintName
	}
	return ""
}
