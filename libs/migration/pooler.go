package migration

import (
	"context"
	"errors"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/migration/database"
)

// errPooler is why a pooler cannot be used.
var errPooler = errors.New("the database URL leads to a connection pooler that hands every transaction to another server connection: " +
	"a lock of this session would be stranded there. Give migrate a URL that leads to PostgreSQL itself, or to the pooler in session mode")

// refusePooler returns an error when the session is none, because something in
// between hands its transactions to different processes of the server, as
// PgBouncer does in transaction mode.
func (m *Migrator) refusePooler(ctx context.Context, s *session) error {
	if s.dialect != database.PostgreSQL {
		return nil
	}
	promised, err := database.BackendPID(ctx, s.db)
	if err != nil {
		return fmt.Errorf("looking for a connection pooler: %w", err)
	}
	if promised == s.pid {
		// Who answered the connection is who runs its statements.
		return nil
	}
	// There is a pooler. In session mode it keeps the server's process for us. In
	// the other modes a transaction of somebody else gets ours, or keeps us from
	// getting it back.
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("looking for a connection pooler: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	var other, own int64
	if err := tx.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&other); err != nil {
		return fmt.Errorf("looking for a connection pooler: %w", err)
	}
	if other != s.pid {
		if err := s.db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&own); err != nil {
			return fmt.Errorf("looking for a connection pooler: %w", err)
		}
	}
	if other == s.pid || own != s.pid {
		return fmt.Errorf("%w: %w", ErrConfiguration, errPooler)
	}
	return nil
}
