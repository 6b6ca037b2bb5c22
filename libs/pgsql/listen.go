package pgsql

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// Listen opens a connection that is not of the pool, and calls notified with the
// payload of each notification that comes on a channel. It calls listening once,
// when none is missed any more. It returns an error when the connection is lost or
// ctx ends. It does not find out by itself that a server vanished without a word;
// the operating system does, in minutes.
func (c *Connector) Listen(ctx context.Context, channel string, listening func(), notified func(payload string)) error {
	config := c.config.server.Copy()
	// A wait that ends is no statement that the server would have to cancel.
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: conn.Conn()}
	}
	config.OnNotification = func(_ *pgconn.PgConn, notification *pgconn.Notification) {
		if notification.Channel == channel {
			notified(notification.Payload)
		}
	}
	pg, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connecting to listen: %w", err)
	}
	defer func() {
		farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = pg.Close(farewell) // the server notices in any case
	}()
	if _, err := pg.Exec(ctx, `LISTEN "`+strings.ReplaceAll(channel, `"`, `""`)+`"`).ReadAll(); err != nil {
		return fmt.Errorf("listening on %s: %w", channel, err)
	}
	listening()
	for {
		if err := pg.WaitForNotification(ctx); err != nil {
			return fmt.Errorf("waiting for a notification on %s: %w", channel, err)
		}
	}
}
