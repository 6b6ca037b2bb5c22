package pgsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// closeTimeout bounds the farewell to a server that does not take it.
	closeTimeout = time.Second
	// restedAfter is for how long a connection may have been idle before it is
	// asked for an answer: the server may have gone meanwhile.
	restedAfter = time.Second
	// forgetTimeout is how long a server may take to forget a statement.
	forgetTimeout = time.Second
	// rollbackTimeout is how long a server may take to undo a transaction.
	rollbackTimeout = 5 * time.Second
)

// Codes of PostgreSQL's errors.
const (
	featureNotSupported  = "0A000"
	noSuchStatement      = "26000"
	datatypeMismatch     = "42804"
	duplicateStatement   = "42P05"
	undefinedFunction    = "42883"
	statementWasCanceled = "57014"
)

type conn struct {
	pg         *pgconn.PgConn
	connector  *Connector
	statements *statements
	// local is setLocal; nil until it is prepared.
	local *pgconn.StatementDescription
	// used is when the server last answered; expires when the connection has to
	// go, or zero.
	used, expires time.Time
}

var (
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
)

// Close closes the connection.
func (c *conn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return c.pg.Close(ctx)
}

// BackendPID returns the server's process, as the server said when the
// connection was opened.
func (c *conn) BackendPID() int64 { return int64(c.pg.PID()) }

// IsValid says whether somebody else may use the connection: not when a
// transaction is still open on it.
func (c *conn) IsValid() bool {
	return !c.pg.IsClosed() && c.pg.TxStatus() == 'I' && !c.expired()
}

func (c *conn) expired() bool { return !c.expires.IsZero() && time.Now().After(c.expires) }

// ResetSession is called before the connection is used again.
func (c *conn) ResetSession(ctx context.Context) error {
	if !c.IsValid() {
		return driver.ErrBadConn
	}
	if time.Since(c.used) < restedAfter {
		return nil
	}
	if limit := c.connector.config.Pool.PingTimeout; limit > 0 {
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		ctx = limited
	}
	if err := c.Ping(ctx); err != nil {
		return fmt.Errorf("%w: %w", driver.ErrBadConn, err)
	}
	return nil
}

// Ping asks the server for an answer.
func (c *conn) Ping(ctx context.Context) error { return c.ended(ctx, c.pg.Ping(ctx)) }

// ended notes that a statement ended, and gives its error what database/sql and
// callers have to know about it.
func (c *conn) ended(ctx context.Context, err error) error {
	var refused *pgconn.PgError
	isRefused := errors.As(err, &refused)
	if err == nil || isRefused {
		c.used = time.Now()
		c.connector.answers.Add(1)
	}
	switch gaveUp := ctx.Err(); {
	case err == nil:
		return nil
	case gaveUp != nil && !errors.Is(err, gaveUp) && (!isRefused || refused.Code == statementWasCanceled):
		// The server says that the statement was cancelled, and not why.
		return fmt.Errorf("%w: %w", gaveUp, err)
	case gaveUp == nil && c.pg.IsClosed() && pgconn.SafeToRetry(err):
		// Nothing was sent, so database/sql may use another connection.
		return fmt.Errorf("%w: %w", driver.ErrBadConn, err)
	}
	return err
}

// ExecContext runs statements; several of them only without parameters.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 {
		result, err := c.run(ctx, query, args)
		if err == nil {
			err = result.Close()
		}
		if err != nil {
			return nil, err
		}
		return driver.RowsAffected(result.tag.RowsAffected()), nil
	}
	// The simple protocol: what CREATE INDEX CONCURRENTLY and several statements
	// in one string need. Rows are read and not kept.
	var affected int64
	results := c.pg.Exec(ctx, query)
	for results.NextResult() {
		tag, err := results.ResultReader().Close()
		if err != nil {
			break // the results have it too
		}
		affected += tag.RowsAffected()
		if text := tag.String(); text == "DEALLOCATE ALL" || text == "DISCARD ALL" {
			// The server has forgotten them.
			c.statements.clear()
			c.local = nil
		}
	}
	if err := c.ended(ctx, results.Close()); err != nil {
		return nil, err
	}
	return driver.RowsAffected(affected), nil
}

// QueryContext runs one statement. Its result is read as it is asked for.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	result, err := c.run(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return result, nil
}

// run sends one statement and waits for the first row or the end.
func (c *conn) run(ctx context.Context, query string, args []driver.NamedValue) (*rows, error) {
	for {
		known, old, err := c.prepare(ctx, query, len(args) > 0)
		if err != nil {
			return nil, err
		}
		var types []uint32
		if known != nil {
			types = known.description.ParamOIDs
		}
		values, formats, err := encodeAll(args, types)
		if err != nil {
			return nil, err
		}
		alone := c.pg.TxStatus() == 'I'
		old = old || c.local != nil
		result, err := c.send(ctx, query, known, values, formats)
		if err == nil || !old || !isStale(err) {
			return result, err
		}
		// It was prepared for another schema, and has not begun to run, so it can run
		// again; but a transaction around it has failed.
		if forgotten := errors.Join(c.forget(ctx, known), c.forgetLocal(ctx)); forgotten != nil || !alone {
			return nil, err
		}
	}
}

// send sends one statement, which is nil where it was not prepared, and waits for
// the first row or the end.
func (c *conn) send(ctx context.Context, query string, known *statement, values [][]byte, formats []int16) (*rows, error) {
	setting, isSet := ctx.Value(localKey{}).(local)
	switch {
	case isSet:
		return c.sendWith(ctx, setting, query, known, values, formats)
	case known == nil:
		return c.first(ctx, c.pg.ExecParams(ctx, query, values, nil, formats, nil), nil, nil)
	default:
		return c.first(ctx, c.pg.ExecStatement(ctx, known.description, values, formats, known.formats), nil, known)
	}
}

// first waits for a statement's first row or its end. The pipeline is nil where it
// was sent alone, the statement where none was prepared.
func (c *conn) first(ctx context.Context, result *pgconn.ResultReader, pipeline *pgconn.Pipeline, prepared *statement) (*rows, error) {
	r := &rows{conn: c, ctx: ctx, result: result, pipeline: pipeline}
	r.ahead = result.NextRow()
	if prepared != nil && len(prepared.description.Fields) > 0 {
		r.columns, r.formats = prepared.description.Fields, prepared.formats
	} else {
		// A copy, because the next statement on the connection overwrites them.
		r.columns = slices.Clone(result.FieldDescriptions())
	}
	if !r.ahead {
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// prepare returns the prepared statement for a query, and whether it is old; nil
// where the query is sent as it is.
func (c *conn) prepare(ctx context.Context, query string, hasParameters bool) (known *statement, old bool, err error) {
	late := c.connector.config.PrepareLate
	if c.statements == nil || late && !hasParameters {
		return nil, false, nil
	}
	known = c.statements.get(query)
	if known != nil && known.description != nil {
		return known, true, nil
	}
	if known == nil {
		if surplus := c.statements.surplus(); surplus != nil {
			if err := c.forget(ctx, surplus); err != nil {
				return nil, false, err
			}
		}
		known = &statement{query: query}
		if late {
			c.statements.put(known)
			return nil, false, nil
		}
	}
	description, err := c.parse(ctx, statementName(query), query)
	if err != nil {
		return nil, false, err
	}
	known.description, known.formats = description, resultFormats(description.Fields)
	if !late {
		c.statements.put(known)
	}
	return known, false, nil
}

// parse makes the server prepare a statement. One that the server has and the
// connection does not know of would refuse its query for good, so it is taken back.
func (c *conn) parse(ctx context.Context, name, query string) (*pgconn.StatementDescription, error) {
	for again := false; ; again = true {
		alone := c.pg.TxStatus() == 'I'
		description, err := c.pg.Prepare(ctx, name, query, nil)
		if err = c.ended(ctx, err); err == nil {
			return description, nil
		}
		var refused *pgconn.PgError
		var half *pgconn.PrepareError
		there := errors.As(err, &refused) && refused.Code == duplicateStatement
		if there || errors.As(err, &half) && half.ParseComplete {
			if forgotten := c.deallocate(ctx, name); forgotten != nil {
				return nil, errors.Join(err, forgotten)
			}
		}
		if !there || !alone || again {
			return nil, err
		}
	}
}

// forget takes a statement back; nil is none.
func (c *conn) forget(ctx context.Context, known *statement) error {
	if known == nil {
		return nil
	}
	c.statements.remove(known.query)
	if known.description == nil {
		return nil
	}
	return c.deallocate(ctx, known.description.Name)
}

// deallocate makes the server forget a statement, also when ctx has ended: nobody
// would do it later. Where that fails the connection cannot be used any more.
func (c *conn) deallocate(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	if err := c.ended(ctx, c.pg.Deallocate(ctx, name)); err != nil {
		_ = c.Close() // the server notices in any case
		return fmt.Errorf("pgsql: taking a prepared statement back: %w", err)
	}
	return nil
}

// isStale says whether a statement failed because it was prepared for another
// schema, or the server does not have it any more. It has done nothing then: what
// fails in a function or procedure that it calls, which may have committed, has a
// context, and no position in the statement.
func isStale(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Where != "" {
		return false
	}
	switch refused.Code {
	case noSuchStatement:
		return true
	case datatypeMismatch, undefinedFunction:
		// Found where the statement is read again.
		return refused.Position > 0
	case featureNotSupported:
		// The code has other uses; the server's function has not.
		return refused.Routine == "RevalidateCachedQuery"
	}
	return false
}
