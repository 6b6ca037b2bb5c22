// Package postgres keeps playbooks and enrolments in PostgreSQL.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
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
	// connLifetime makes the pool heal by itself: after a failover or a change
	// of DNS, no connection to the old server is older than this.
	connLifetime       = 15 * time.Minute
	connLifetimeJitter = 3 * time.Minute
	connIdleTime       = 5 * time.Minute
)

// Store is a usecase.Store. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	// patience bounds one statement, waiting for a connection included, when the
	// caller's context has no earlier deadline.
	patience time.Duration
}

// Open returns a store on the database that databaseURL names. It connects
// when it is first used, so that a process can start while its database is
// away. Settings of pgx's pool, such as pool_max_conns, are taken from the URL's
// query. The error holds no password.
func Open(ctx context.Context, databaseURL string) (*Store, error) {
	config, err := poolConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("reading the database URL: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("opening the connection pool: %w", err)
	}
	return &Store{pool: pool, patience: queryTimeout}, nil
}

// poolConfig reads the URL and gives what it does not set our own defaults,
// which are shorter than those of pgx.
func poolConfig(databaseURL string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, reason(err)
	}
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		// The error of url.Parse quotes the URL, password and all.
		return nil, errors.New("it cannot be parsed")
	}
	given := parsed.Query()
	for _, setting := range []struct {
		name  string
		value *time.Duration
		ours  time.Duration
	}{
		{"connect_timeout", &config.ConnConfig.ConnectTimeout, connectTimeout},
		{"pool_max_conn_lifetime", &config.MaxConnLifetime, connLifetime},
		{"pool_max_conn_lifetime_jitter", &config.MaxConnLifetimeJitter, connLifetimeJitter},
		{"pool_max_conn_idle_time", &config.MaxConnIdleTime, connIdleTime},
	} {
		if !given.Has(setting.name) {
			*setting.value = setting.ours
		}
	}
	return config, nil
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

// Close gives all connections back. It waits for those in use, but not for long:
// a server that does not answer must not keep the process from its end.
func (s *Store) Close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
	}
}

// Ping returns nil when the database answers. Where every connection is in use
// until ctx ends, the database answers if others got connections meanwhile: a
// process that is busy is not one whose database is away.
func (s *Store) Ping(ctx context.Context) error {
	before := s.pool.Stat().AcquireCount()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		if ctx.Err() != nil && s.pool.Stat().AcquireCount() > before {
			return nil
		}
		return translate(ctx, err)
	}
	defer conn.Release()
	return translate(ctx, conn.Ping(ctx))
}

// CheckSchema returns nil when the database has the schema that the store needs,
// or a newer one.
func (s *Store) CheckSchema(ctx context.Context) error {
	var version int64
	err := s.pool.QueryRow(ctx, `SELECT COALESCE(max(version), 0) FROM soketsugo_migrations`).Scan(&version)
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
	stat := s.pool.Stat()
	return int(stat.TotalConns()), int(stat.AcquiredConns()), int(stat.MaxConns()), stat.EmptyAcquireCount()
}

// undefinedTable is the error code of PostgreSQL for a table that does not exist.
const undefinedTable = "42P01"

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
	case errors.As(err, &refused):
		// Class 57P is an operator's intervention (shutdown, recovery), class 53
		// a lack of resources such as too many connections.
		if strings.HasPrefix(refused.Code, "57P") || strings.HasPrefix(refused.Code, "53") {
			return unavailable(err)
		}
	case errors.As(err, &unreachable), errors.As(err, &broken), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, context.DeadlineExceeded), pgconn.SafeToRetry(err):
		return unavailable(err)
	}
	return err
}

// constraint returns the name of the unique constraint that err is about, or
// an empty string.
func constraint(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "23505" {
		return refused.ConstraintName
	}
	return ""
}

// isNoRows says whether a query for one row found none.
func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
