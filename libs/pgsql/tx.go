package pgsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
)

// BeginTx begins a transaction.
func (c *conn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	begin := "BEGIN"
	switch level := sql.IsolationLevel(options.Isolation); level {
	case sql.LevelDefault:
	case sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable:
		begin += " ISOLATION LEVEL " + level.String()
	default:
		return nil, fmt.Errorf("pgsql: the isolation level %s is not supported", level)
	}
	if options.ReadOnly {
		begin += " READ ONLY"
	}
	if _, err := c.ExecContext(ctx, begin, nil); err != nil {
		return nil, err
	}
	return tx{ctx, c}, nil
}

// Begin begins a transaction.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

type tx struct {
	// ctx is that of the whole transaction: database/sql hands Commit none.
	ctx  context.Context
	conn *conn
}

// Commit ends the transaction. PostgreSQL answers the COMMIT of a failed
// transaction with a rollback and no error, which must not pass for success.
func (t tx) Commit() error {
	results, err := t.conn.pg.Exec(t.ctx, "COMMIT").ReadAll()
	if err := t.conn.ended(t.ctx, err); err != nil {
		return err
	}
	if tag := results[len(results)-1].CommandTag.String(); tag != "COMMIT" {
		return fmt.Errorf("pgsql: the transaction had failed and was rolled back (%s)", tag)
	}
	return nil
}

// Rollback ends the transaction without its changes. Its context has ended, most
// often; a server that does not answer loses the connection and rolls back too.
func (t tx) Rollback() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), rollbackTimeout)
	defer cancel()
	_, err := t.conn.ExecContext(ctx, "ROLLBACK", nil)
	return err
}
