//go:build !sqlite

package database

import (
	"database/sql"
	"errors"
)

func openSQLite(string) (*sql.DB, error) {
	return nil, errors.New("this binary holds PostgreSQL only: set DATABASE_URL to postgres://…, " +
		"or build with the tag sqlite to use an SQLite file")
}
