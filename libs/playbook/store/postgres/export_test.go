package postgres

import (
	"database/sql"
	"time"

	"github.com/soketsugo/soketsugo/libs/pgsql"
)

// Config shows what a URL makes of the connections.
func Config(databaseURL string) (pgsql.Config, error) {
	return pgsql.ParseConfig(databaseURL, defaults())
}

// SetPatience changes how long a statement may take.
func SetPatience(store *Store, patience time.Duration) { store.patience = patience }

// DB is what a store runs its statements on.
func DB(store *Store) *sql.DB { return store.db }
