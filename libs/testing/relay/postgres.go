package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
)

// Postgres returns a relay to a PostgreSQL server that listens on a Unix socket
// alone, as those of package postgrestest do, and the URL with which the
// database is reached through it.
func Postgres(databaseURL string) (r *Relay, relayed string, err error) {
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		return nil, "", fmt.Errorf("reading the database's URL: %w", err)
	}
	query := parsed.Query()
	socket := query.Get("host")
	if !filepath.IsAbs(socket) {
		return nil, "", errors.New("reading the database's URL: it names no Unix socket")
	}
	r, err = Listen(func(ctx context.Context) (Conn, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "unix", filepath.Join(socket, ".s.PGSQL.5432"))
		if err != nil {
			return nil, err
		}
		return conn.(*net.UnixConn), nil
	})
	if err != nil {
		return nil, "", err
	}
	query.Del("host")
	query.Set("sslmode", "disable")
	parsed.Host, parsed.RawQuery = r.Addr(), query.Encode()
	return r, parsed.String(), nil
}
