//go:build !sqlite

package open

import "errors"

func openSQLite(string) (Store, error) {
	return nil, errors.New("this binary holds PostgreSQL only: set DATABASE_URL to postgres://…, " +
		"or build with the tag sqlite to use an SQLite file")
}
