package pgsql

import (
	"database/sql"
	"math/rand/v2"
	"time"
)

// Pool says how many connections there are and how long they are kept. The zero
// Pool keeps them for as long as they work.
type Pool struct {
	// MaxConns is how many there may be; 0 is no limit.
	MaxConns int
	// MaxConnLifetime is how old a connection may become, and
	// MaxConnLifetimeJitter how much longer some of them are kept, by chance, so
	// that they do not all end at once.
	MaxConnLifetime, MaxConnLifetimeJitter time.Duration
	// MaxConnIdleTime is for how long a connection may be of no use.
	MaxConnIdleTime time.Duration
	// PingTimeout bounds the look at a connection that was idle; 0 leaves that to
	// the caller's context.
	PingTimeout time.Duration
}

// OpenPool returns a database whose pool is as the connector's configuration
// says. It does not connect.
func OpenPool(connector *Connector) *sql.DB {
	pool := connector.config.Pool
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(pool.MaxConns)
	// Connections in reserve are cheaper than new ones; MaxConnIdleTime ends them.
	db.SetMaxIdleConns(pool.MaxConns)
	db.SetConnMaxIdleTime(pool.MaxConnIdleTime)
	if pool.MaxConnLifetime > 0 {
		// database/sql knows no jitter. It ends those that are idle when even the
		// longest life is over; see conn.expired for the others.
		db.SetConnMaxLifetime(pool.MaxConnLifetime + pool.MaxConnLifetimeJitter)
	}
	return db
}

// expiry returns when a connection that is opened now has to go; the zero time
// is never.
func (p Pool) expiry(now time.Time) time.Time {
	if p.MaxConnLifetime <= 0 {
		return time.Time{}
	}
	life := p.MaxConnLifetime
	if p.MaxConnLifetimeJitter > 0 {
		life += rand.N(p.MaxConnLifetimeJitter)
	}
	return now.Add(life)
}
