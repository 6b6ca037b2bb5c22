package pgsql

import (
	"database/sql/driver"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// OIDs of the types that are not handed on as text; see pg_type.dat in
// PostgreSQL's sources.
const (
	oidBool        = 16
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidTimestamp   = 1114
	oidTimestampTZ = 1184
)

type rows struct {
	result *pgconn.Result
	next   int
}

// Columns returns the names of the columns.
func (r *rows) Columns() []string {
	names := make([]string, len(r.result.FieldDescriptions))
	for i, field := range r.result.FieldDescriptions {
		names[i] = field.Name
	}
	return names
}

// Close does nothing: the result was read already.
func (r *rows) Close() error { return nil }

// Next decodes a row.
func (r *rows) Next(values []driver.Value) error {
	if r.next == len(r.result.Rows) {
		return io.EOF
	}
	for i, text := range r.result.Rows[r.next] {
		value, err := decode(r.result.FieldDescriptions[i].DataTypeOID, text)
		if err != nil {
			return fmt.Errorf("pgsql: decoding column %s: %w", r.result.FieldDescriptions[i].Name, err)
		}
		values[i] = value
	}
	r.next++
	return nil
}

func decode(oid uint32, text []byte) (driver.Value, error) {
	if text == nil {
		return nil, nil
	}
	switch oid {
	case oidBool:
		return string(text) == "t", nil
	case oidInt2, oidInt4, oidInt8:
		return strconv.ParseInt(string(text), 10, 64)
	case oidTimestamp:
		return time.Parse("2006-01-02 15:04:05.999999", string(text))
	case oidTimestampTZ:
		return parseTimestampTZ(string(text))
	default:
		return string(text), nil
	}
}

// parseTimestampTZ reads the ISO style, whose offset has minutes only where
// they are not zero.
func parseTimestampTZ(text string) (time.Time, error) {
	parsed, err := time.Parse("2006-01-02 15:04:05.999999-07", text)
	if err != nil {
		parsed, err = time.Parse("2006-01-02 15:04:05.999999-07:00", text)
	}
	return parsed.UTC(), err
}
