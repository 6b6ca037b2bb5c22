package pgsql

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
)

// rows is the result of a statement, read row by row.
type rows struct {
	conn *conn
	// ctx is that of the statement, which it ends with.
	ctx    context.Context
	result *pgconn.ResultReader
	// pipeline is what the statement was sent in, or nil.
	pipeline *pgconn.Pipeline
	columns  []pgconn.FieldDescription
	// formats are those of the columns; nil when all are text.
	formats []int16
	// ahead says that a row was read that nobody has asked for yet.
	ahead bool
	// closed says that the result was read to its end: the connection uses its
	// memory for the next one.
	closed bool
	tag    pgconn.CommandTag
	err    error
}

var _ driver.Rows = (*rows)(nil)

// Columns returns the names of the columns.
func (r *rows) Columns() []string {
	names := make([]string, len(r.columns))
	for i, column := range r.columns {
		names[i] = column.Name
	}
	return names
}

// Close reads what is left. Its error may be the statement's own: a constraint
// that is checked at the end fails after the rows.
func (r *rows) Close() error {
	if !r.closed {
		r.closed = true
		r.tag, r.err = r.result.Close()
		if r.pipeline != nil {
			// What the statement did is committed behind its result.
			if err := r.pipeline.Close(); r.err == nil {
				r.err = err
			}
		}
		r.err = r.conn.ended(r.ctx, r.err)
	}
	return r.err
}

// Next decodes a row.
func (r *rows) Next(values []driver.Value) error {
	if r.closed || !r.ahead && !r.result.NextRow() {
		if err := r.Close(); err != nil {
			return err
		}
		return io.EOF
	}
	r.ahead = false
	for i, data := range r.result.Values() {
		value, err := r.decode(i, data)
		if err != nil {
			return fmt.Errorf("pgsql: decoding column %s: %w", r.columns[i].Name, err)
		}
		values[i] = value
	}
	return nil
}

func (r *rows) decode(column int, data []byte) (driver.Value, error) {
	oid := r.columns[column].DataTypeOID
	switch {
	case data == nil:
		return nil, nil
	case r.formats != nil && r.formats[column] == binaryFormat:
		return decodeBinary(oid, data)
	default:
		return decodeText(oid, data)
	}
}
