package pgsql

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Config says how connections are opened, used and pooled. Make it with
// ParseConfig.
type Config struct {
	// ConnectTimeout bounds one attempt to reach the server. A URL sets it with
	// connect_timeout.
	ConnectTimeout time.Duration
	// CancelGrace is how long the server may take to act on a cancelled statement
	// before the connection is dropped. A call ends that much later than its
	// context when the server does not answer.
	CancelGrace time.Duration
	// StatementCache is how many prepared statements each connection keeps; with 0
	// nothing is prepared, and bytes are taken for bytea, whatever they are a
	// parameter of. A URL sets it with statement_cache_capacity, or to 0 with
	// default_query_exec_mode=exec, for a pooler that knows no prepared statements.
	StatementCache int
	// PrepareLate prepares only statements with parameters that run for the second
	// time on a connection: what runs once would pay a round trip more. Until then
	// bytes are taken for bytea.
	PrepareLate bool
	// Pool is for OpenPool.
	Pool Pool

	server *pgconn.Config
}

// ParseConfig reads a database URL. What it does not say is as in defaults. The
// settings have the names that pgx gives them. The error holds no password.
func ParseConfig(databaseURL string, defaults Config) (Config, error) {
	config := defaults
	server, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		return Config{}, fmt.Errorf("reading the database URL: %w", reason(err))
	}
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		// The error of url.Parse quotes the URL, password and all.
		return Config{}, errors.New("reading the database URL: it cannot be parsed")
	}
	if parsed.Query().Has("connect_timeout") {
		config.ConnectTimeout = server.ConnectTimeout
	}
	server.ConnectTimeout = config.ConnectTimeout
	if err := config.take(server.RuntimeParams); err != nil {
		return Config{}, fmt.Errorf("reading the database URL: %w", err)
	}
	config.server = server
	return config, nil
}

// take moves the settings that are not the server's out of its parameters.
func (c *Config) take(parameters map[string]string) error {
	for _, setting := range []struct {
		name string
		set  func(text string) error
	}{
		{"pool_max_conns", count(&c.Pool.MaxConns, 1)},
		{"pool_max_conn_lifetime", duration(&c.Pool.MaxConnLifetime, 1)},
		{"pool_max_conn_lifetime_jitter", duration(&c.Pool.MaxConnLifetimeJitter, 0)},
		{"pool_max_conn_idle_time", duration(&c.Pool.MaxConnIdleTime, 1)},
		{"pool_ping_timeout", duration(&c.Pool.PingTimeout, 0)},
		{"pool_min_conns", refuse("connections are opened when they are needed")},
		{"pool_min_idle_conns", refuse("connections are opened when they are needed")},
		{"pool_health_check_period", refuse("connections are looked at when they are used")},
		{"statement_cache_capacity", count(&c.StatementCache, 0)},
		{"description_cache_capacity", refuse("set statement_cache_capacity")},
		{"default_query_exec_mode", c.setMode},
	} {
		text, given := parameters[setting.name]
		if !given {
			continue
		}
		if err := setting.set(text); err != nil {
			return fmt.Errorf("%s: %w", setting.name, err)
		}
		delete(parameters, setting.name)
	}
	return nil
}

func (c *Config) setMode(text string) error {
	switch text {
	case "cache_statement":
		return nil
	case "exec":
		c.StatementCache = 0
		return nil
	default:
		return errors.New("it must be cache_statement or exec")
	}
}

func count(value *int, least int) func(string) error {
	return func(text string) error {
		number, err := strconv.ParseInt(text, 10, 32)
		if err != nil || number < int64(least) {
			return fmt.Errorf("it must be a number from %d", least)
		}
		*value = int(number)
		return nil
	}
}

func duration(value *time.Duration, least time.Duration) func(string) error {
	return func(text string) error {
		parsed, err := time.ParseDuration(text)
		if err != nil || parsed < least {
			return errors.New("it must be a time such as 90s or 15m")
		}
		*value = parsed
		return nil
	}
}

func refuse(instead string) func(string) error {
	return func(string) error { return errors.New("it is not supported: " + instead) }
}

// reason is what pgx says about a URL without the URL and the cause, which may
// quote it: pgx takes out only those passwords that it can find.
func reason(err error) error {
	text := err.Error()
	if cause := errors.Unwrap(err); cause != nil {
		text = strings.TrimSuffix(text, " ("+cause.Error()+")")
	}
	if end := strings.LastIndex(text, "`: "); end >= 0 {
		return errors.New(text[end+len("`: "):])
	}
	return errors.New("it cannot be parsed")
}
