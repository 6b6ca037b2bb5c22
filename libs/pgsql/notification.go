package pgsql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// notified is where a connection keeps that a notification came.
const notified = "pgsql.notified"

func keepNotification(pg *pgconn.PgConn, _ *pgconn.Notification) { pg.CustomData()[notified] = true }

// WaitForNotification returns nil when a notification has come since it was last
// called, on any channel that the connection listens to: one that arrived beside
// the answer to a statement counts. It fails with the context's error, after which
// the connection can be used as before.
func WaitForNotification(ctx context.Context, on *sql.Conn) error {
	return on.Raw(func(raw any) error {
		c, ok := raw.(*conn)
		if !ok {
			return errors.New("waiting for a notification: not a connection of this driver")
		}
		return c.waitForNotification(ctx)
	})
}

func (c *conn) waitForNotification(ctx context.Context) error {
	received := c.pg.CustomData()
	if received[notified] == nil {
		if err := c.waitForMessage(ctx); err != nil {
			return err
		}
	}
	delete(received, notified)
	return nil
}

// waitForMessage is pgconn's WaitForNotification without its way to end: that
// sends the server a request to cancel, where there is nothing to cancel but
// the statement after this one.
func (c *conn) waitForMessage(ctx context.Context) error {
	network, ended := c.pg.Conn(), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = network.SetReadDeadline(time.Unix(1, 0)) // fails where the connection is closed, which ends the wait too
	})
	err := c.pg.WaitForNotification(context.Background())
	if !stop() {
		<-ended
		if reset := network.SetReadDeadline(time.Time{}); err == nil {
			err = reset
		}
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !c.pg.IsClosed():
		return ctx.Err()
	}
	return fmt.Errorf("waiting for a notification: %w", err)
}
