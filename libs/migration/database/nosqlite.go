//go:build !sqlite

package database

import (
	"database/sql/driver"
	"errors"
)

func newSQLiteConnector(string) (driver.Connector, error) {
	return nil, errors.New("this binary holds PostgreSQL only: set DATABASE_URL to postgres://…, " +
		"or build with the tag sqlite to use an SQLite file")
}
