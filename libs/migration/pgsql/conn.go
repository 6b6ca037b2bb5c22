package pgsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

type conn struct {
	pg *pgconn.PgConn
	// statements are those with parameters that ran already.
	statements map[string]*statement
}

type statement struct {
	name string
	// prepared says that the server knows it by its name.
	prepared bool
}

var (
	_ driver.ConnBeginTx    = (*conn)(nil)
	_ driver.ExecerContext  = (*conn)(nil)
	_ driver.QueryerContext = (*conn)(nil)
	_ driver.Pinger         = (*conn)(nil)
	_ driver.Validator      = (*conn)(nil)
)

// Close closes the connection.
func (c *conn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), cancelGrace)
	defer cancel()
	return c.pg.Close(ctx)
}

// IsValid says whether the connection can be used again.
func (c *conn) IsValid() bool { return !c.pg.IsClosed() }

// BackendPID returns the server's process, as the server said when the
// connection was opened.
func (c *conn) BackendPID() int64 { return int64(c.pg.PID()) }

// Ping asks the server for an answer.
func (c *conn) Ping(ctx context.Context) error {
	_, err := c.run(ctx, "SELECT 1", nil)
	return err
}

// ExecContext runs statements; several of them only without parameters.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 {
		result, err := c.run(ctx, query, args)
		if err != nil {
			return nil, err
		}
		return driver.RowsAffected(result.CommandTag.RowsAffected()), nil
	}
	// The simple protocol: what CREATE INDEX CONCURRENTLY and several statements
	// in one string need.
	results, err := c.pg.Exec(ctx, query).ReadAll()
	if err != nil {
		return nil, err
	}
	var affected int64
	for _, result := range results {
		affected += result.CommandTag.RowsAffected()
		if tag := result.CommandTag.String(); tag == "DEALLOCATE ALL" || tag == "DISCARD ALL" {
			// The server has forgotten them.
			clear(c.statements)
		}
	}
	return driver.RowsAffected(affected), nil
}

// QueryContext runs one statement and reads its result.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	result, err := c.run(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return &rows{result: result}, nil
}

func (c *conn) run(ctx context.Context, query string, args []driver.NamedValue) (*pgconn.Result, error) {
	values := make([][]byte, len(args))
	for i, arg := range args {
		if arg.Name != "" {
			return nil, errors.New("pgsql: parameters have no names")
		}
		value, err := encode(arg.Value)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	known := c.statements[query]
	if known == nil || len(args) == 0 {
		if len(args) > 0 {
			c.statements[query] = &statement{name: "pgsql_" + strconv.Itoa(len(c.statements))}
		}
		result := c.pg.ExecParams(ctx, query, values, nil, nil, nil).Read()
		return result, result.Err
	}
	// It runs for each migration, so the server need not parse it each time. What
	// runs once would pay a round trip more.
	if !known.prepared {
		if _, err := c.pg.Prepare(ctx, known.name, query, nil); err != nil {
			return nil, err
		}
		known.prepared = true
	}
	result := c.pg.ExecPrepared(ctx, known.name, values, nil, nil).Read()
	return result, result.Err
}

// encode returns a value as PostgreSQL reads it in text form; nil for NULL.
func encode(value driver.Value) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case int64:
		return strconv.AppendInt(nil, v, 10), nil
	case bool:
		return strconv.AppendBool(nil, v), nil
	case string:
		return []byte(v), nil
	case time.Time:
		return v.AppendFormat(nil, time.RFC3339Nano), nil
	default:
		return nil, fmt.Errorf("pgsql: parameters of type %T are not supported", value)
	}
}

// BeginTx begins a transaction of the server's default kind.
func (c *conn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if options.Isolation != 0 || options.ReadOnly {
		return nil, errors.New("pgsql: transactions have no options")
	}
	if _, err := c.ExecContext(ctx, "BEGIN", nil); err != nil {
		return nil, err
	}
	return tx{c}, nil
}

// Begin begins a transaction.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

type tx struct{ conn *conn }

// Commit ends the transaction. PostgreSQL answers the COMMIT of a failed
// transaction with a rollback and no error, which must not pass for success.
func (t tx) Commit() error {
	results, err := t.conn.pg.Exec(context.Background(), "COMMIT").ReadAll()
	if err != nil {
		return err
	}
	if tag := results[len(results)-1].CommandTag.String(); tag != "COMMIT" {
		return fmt.Errorf("pgsql: the transaction had failed and was rolled back (%s)", tag)
	}
	return nil
}

// Rollback ends the transaction without its changes.
func (t tx) Rollback() error {
	_, err := t.conn.ExecContext(context.Background(), "ROLLBACK", nil)
	return err
}

// Prepare returns a statement that is sent when it runs.
func (c *conn) Prepare(query string) (driver.Stmt, error) { return stmt{c, query}, nil }

type stmt struct {
	conn  *conn
	query string
}

var (
	_ driver.StmtExecContext  = stmt{}
	_ driver.StmtQueryContext = stmt{}
)

// Close does nothing: what the server knows ends with the connection.
func (s stmt) Close() error { return nil }

// NumInput says that the server counts the parameters.
func (s stmt) NumInput() int { return -1 }

// ExecContext runs the statement.
func (s stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

// QueryContext runs the statement and reads its result.
func (s stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

// Exec is for versions of database/sql before contexts.
func (s stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

// Query is for versions of database/sql before contexts.
func (s stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

func named(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return values
}
