// Package postgres keeps playbooks and enrolments in PostgreSQL.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

const (
	// connectTimeout bounds one attempt to reach the server.
	connectTimeout = 5 * time.Second
	// queryTimeout bounds one call of a method, waiting for a connection
	// included, when the caller's context has no earlier deadline.
	queryTimeout = 10 * time.Second
	// connLifetime makes the pool heal by itself: after a failover or a change
	// of DNS, no connection to the old server is older than this.
	connLifetime       = 15 * time.Minute
	connLifetimeJitter = 3 * time.Minute
	connIdleTime       = 5 * time.Minute
)

// Store is a usecase.Store. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
}

// Open returns a store on the database that databaseURL names. It connects
// when it is first used, so that a process can start while its database is
// away. Settings of pgx's pool, such as pool_max_conns, are taken from the URL's
// query. The error holds no password.
func Open(ctx context.Context, databaseURL string) (*Store, error) {
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("reading the database URL: %w", err)
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	config.MaxConnLifetime = connLifetime
	config.MaxConnLifetimeJitter = connLifetimeJitter
	config.MaxConnIdleTime = connIdleTime
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("opening the connection pool: %w", err)
	}
	return &Store{pool: pool}, nil
}

// Close gives all connections back; it waits for those in use.
func (s *Store) Close() { s.pool.Close() }

// Check returns nil when the database answers and has the tables that the
// store needs.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `SELECT 1 FROM enrolments, playbooks LIMIT 0`)
	return translate(err)
}

// translate gives an error from the server or the driver its kind.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var refused *pgconn.PgError
	var unreachable *pgconn.ConnectError
	switch {
	case errors.As(err, &refused):
		// Class 57P is an operator's intervention (shutdown, recovery), class 53
		// a lack of resources such as too many connections.
		if len(refused.Code) == 5 && (refused.Code[:3] == "57P" || refused.Code[:2] == "53") {
			return &domain.Error{Kind: domain.Unavailable, Message: "the database is not available", Cause: err}
		}
	case errors.As(err, &unreachable), pgconn.SafeToRetry(err) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return &domain.Error{Kind: domain.Unavailable, Message: "the database is not available", Cause: err}
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
