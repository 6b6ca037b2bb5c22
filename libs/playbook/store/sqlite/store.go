// Package sqlite keeps playbooks and enrolments in an SQLite file: the embedded
// database of the development setup and of tests that need no server. No
// production binary links it.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/schema"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

const (
	// busyTimeout is how long a writer waits for another one.
	busyTimeout = 5 * time.Second
	// queryTimeout bounds one statement, when the caller's context has no earlier
	// deadline.
	queryTimeout = 10 * time.Second
	// maxConns is small because SQLite has one writer at a time anyway.
	maxConns = 4
)

// Store is a usecase.Store. It is safe for concurrent use, also by several
// processes on one file.
type Store struct {
	db *sql.DB
}

// Open returns a store on the file at path, which must be an absolute path. The
// file's folder must exist; its tables come from the migrations.
func Open(path string) (*Store, error) {
	// WAL lets readers go on while somebody writes.
	options := url.Values{
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
			"journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)",
		},
		// A transaction that reads first and then waits to write would fail where
		// somebody else wrote in between; one that waits at its beginning does not.
		"_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+options.Encode())
	if err != nil {
		return nil, fmt.Errorf("opening the database %q: %w", path, err)
	}
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	return &Store{db: db}, nil
}

// Close closes the file. It cannot fail in a way that a caller could act on:
// every change was committed when its method returned.
func (s *Store) Close() { _ = s.db.Close() }

// Ping returns nil when the file can be read.
func (s *Store) Ping(ctx context.Context) error {
	return translate(ctx, s.db.PingContext(ctx))
}

// CheckSchema returns nil when the file has the schema that the store needs, or a
// newer one.
func (s *Store) CheckSchema(ctx context.Context) error {
	var exists bool
	err := s.db.QueryRowContext(ctx, `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'soketsugo_migrations'`).Scan(&exists)
	if err != nil {
		return translate(ctx, err)
	}
	var version int64
	if exists {
		if err := s.db.QueryRowContext(ctx, `SELECT COALESCE(max(version), 0) FROM soketsugo_migrations`).Scan(&version); err != nil {
			return translate(ctx, err)
		}
	}
	return schema.Check(version)
}

// Pool says how many connections there are, how many of them are in use, how
// many there may be, and how often somebody had to wait for one.
func (s *Store) Pool() (open, inUse, most int, waits int64) {
	stats := s.db.Stats()
	return stats.OpenConnections, stats.InUse, stats.MaxOpenConnections, stats.WaitCount
}

// transact runs f in a transaction, in which nobody else writes. Waiting for others
// is all that it takes: SQLite has no failures that a repetition would heal.
func (s *Store) transact(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) error {
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	tx, err := s.db.BeginTx(limited, nil)
	if err != nil {
		return translate(ctx, err)
	}
	defer func() { _ = tx.Rollback() }() // it does nothing after a commit
	if err := f(limited, tx); err != nil {
		return translate(ctx, err)
	}
	return translate(ctx, tx.Commit())
}

// translate gives an error from the driver its kind. The context is the
// caller's, without our own deadline: when that one ends a call, it is the
// database that did not answer.
func translate(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	away := errors.Is(err, context.DeadlineExceeded)
	var failed *driver.Error
	if errors.As(err, &failed) {
		// The low byte is the primary code.
		switch failed.Code() & 0xff {
		case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_CANTOPEN, codes.SQLITE_INTERRUPT:
			away = true
		}
	}
	if away {
		return &domain.Error{Kind: domain.Unavailable, Message: "the database is not available", Cause: err}
	}
	return err
}

// violates says whether err is about a unique index or a primary key.
func violates(err error, code int) bool {
	var failed *driver.Error
	return errors.As(err, &failed) && failed.Code() == code
}

// micros is how times are stored: microseconds since 1970.
func micros(t time.Time) int64 { return t.UnixMicro() }

func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
