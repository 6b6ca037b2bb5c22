package pgsql

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// setLocal sets something until the end of the transaction. What is sent
	// together with it is in the same one, also where no transaction was begun.
	setLocal     = "SELECT set_config($1, $2, true)"
	setLocalName = "pgsql_set_local"
)

type localKey struct{}

type local struct{ name, value string }

// WithLocal returns a context for statements that need a setting of the server,
// such as the one that the policies of row-level security read. The setting is
// sent in the same round trip, before each statement, and ends with the
// transaction, so that it holds for nobody else behind a pooler either. What Exec
// gets without parameters is sent without it.
func WithLocal(ctx context.Context, name, value string) context.Context {
	return context.WithValue(ctx, localKey{}, local{name, value})
}

// prepareLocal prepares setLocal where statements are prepared at all.
func (c *conn) prepareLocal(ctx context.Context) error {
	if c.statements == nil || c.local != nil {
		return nil
	}
	description, err := c.parse(ctx, setLocalName, setLocal)
	if err != nil {
		return err
	}
	c.local = description
	return nil
}

// forgetLocal takes setLocal back.
func (c *conn) forgetLocal(ctx context.Context) error {
	if c.local == nil {
		return nil
	}
	c.local = nil
	return c.deallocate(ctx, setLocalName)
}

// sendWith sends a setting and one statement, and waits for the statement's first
// row or its end.
func (c *conn) sendWith(ctx context.Context, setting local, query string, known *statement, values [][]byte, formats []int16) (*rows, error) {
	if err := c.prepareLocal(ctx); err != nil {
		return nil, err
	}
	pipeline := c.pg.StartPipeline(ctx)
	pair := [][]byte{[]byte(setting.name), []byte(setting.value)}
	if c.local == nil {
		pipeline.SendQueryParams(setLocal, pair, nil, nil, nil)
	} else {
		pipeline.SendQueryStatement(c.local, pair, nil, nil)
	}
	if known == nil {
		pipeline.SendQueryParams(query, values, nil, formats, nil)
	} else {
		pipeline.SendQueryStatement(known.description, values, formats, known.formats)
	}
	result, err := second(pipeline)
	if err != nil {
		_ = pipeline.Close() // its error is that one, or follows from it
		return nil, c.ended(ctx, err)
	}
	return c.first(ctx, result, pipeline, known)
}

// second sends what a pipeline holds and returns the result of the second of two
// statements.
func second(pipeline *pgconn.Pipeline) (*pgconn.ResultReader, error) {
	if err := pipeline.Sync(); err != nil {
		return nil, err
	}
	// To ask for the next result closes the one before.
	if _, err := pipeline.GetResults(); err != nil {
		return nil, err
	}
	results, err := pipeline.GetResults()
	if err != nil {
		return nil, err
	}
	return results.(*pgconn.ResultReader), nil
}
