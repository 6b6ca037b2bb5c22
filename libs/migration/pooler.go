package migration

import (
	"context"
	"errors"
	"fmt"

	"github.com/soketsugo/soketsugo/libs/migration/database"
)

// looks is how often a pooler is looked at before it is believed to be one in session
// mode.
const looks = 10

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
	// There is a pooler. One look does not tell, when others have our process for a
	// moment and give it back in time.
	for range looks {
		kept, err := m.keepsProcess(ctx, s)
		if err != nil {
			return fmt.Errorf("looking for a connection pooler: %w", err)
		}
		if !kept {
			return fmt.Errorf("%w: %w", ErrConfiguration, errPooler)
		}
	}
	return nil
}

// keepsProcess says whether a pooler seems to keep the server's process for the
// session, as it does in session mode. In the other modes a transaction of somebody
// else gets ours, or keeps us from getting it back.
func (m *Migrator) keepsProcess(ctx context.Context, s *session) (bool, error) {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	var other, own int64
	if err := tx.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&other); err != nil || other == s.pid {
		return false, err
	}
	err = s.db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&own)
	return own == s.pid, err
}
