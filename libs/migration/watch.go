package migration

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/source"
)

const (
	// beat is the time between two lines about something that takes long.
	beat = 10 * time.Second
	// look is the time between two looks at what a migration waits for. It is well
	// below LOCK_TIMEOUT, so that who holds the lock is known before it runs out.
	look = 500 * time.Millisecond
	// lookTimeout bounds one look.
	lookTimeout = 5 * time.Second
)

// blockersQuery names the sessions that keep one waiting.
const blockersQuery = `SELECT pid, COALESCE(state, ''), COALESCE(EXTRACT(epoch FROM now() - COALESCE(xact_start, backend_start)), 0)::int8,
	left(regexp_replace(COALESCE(query, ''), '\s+', ' ', 'g'), 200), COALESCE(application_name, '')
	FROM pg_stat_activity WHERE pid = ANY (%s)`

// describe tells of sessions: pid, age, what they do.
func describe(ctx context.Context, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, pids string, args ...any) string {
	rows, err := db.QueryContext(ctx, fmt.Sprintf(blockersQuery, pids), args...)
	if err != nil {
		return "unknown: " + err.Error()
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var pid, seconds int64
		var state, query, application string
		if err := rows.Scan(&pid, &state, &seconds, &query, &application); err != nil {
			return "unknown: " + err.Error()
		}
		text := fmt.Sprintf("pid %d, %s, for %s, query: %s", pid, state, time.Duration(seconds)*time.Second, query)
		if application != "" {
			text = fmt.Sprintf("pid %d (%s), %s, for %s, query: %s", pid, application, state, time.Duration(seconds)*time.Second, query)
		}
		found = append(found, text)
	}
	return strings.Join(found, "; ")
}

// holder tells who holds the migration lock.
func (m *Migrator) holder(ctx context.Context, s *session) string {
	const holders = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND classid = ($1::int8 >> 32)::oid AND objid = ($1::int8 & 4294967295)::oid`
	if text := describe(ctx, s.db, holders, LockID); text != "" {
		return text
	}
	return "it has just let go"
}

// watch looks from another connection, until stop is called, at a migration
// that takes longer than a moment, and tells what it waits for and how far it is.
func (m *Migrator) watch(s *session, migration source.Migration) (stop func()) {
	if s.dialect != database.PostgreSQL {
		return func() {}
	}
	begin := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	// Most migrations end before the first look, and cost a timer alone.
	first := time.AfterFunc(look, func() {
		defer close(done)
		ticker := time.NewTicker(look)
		defer ticker.Stop()
		waiting := false
		for next := beat; ; {
			blockers, progress := m.look(ctx, s)
			elapsed := time.Since(begin)
			switch {
			case ctx.Err() != nil:
				return
			case blockers != "" && (!waiting || elapsed >= next):
				m.log.Warn("migration waits for a lock", "file", migration.Name, "seconds", elapsed.Seconds(), "holder", blockers)
				next = elapsed + beat
			case blockers == "" && elapsed >= next:
				m.log.Info("migration runs", "file", migration.Name, "seconds", elapsed.Seconds(), "progress", progress)
				next = elapsed + beat
			}
			waiting = blockers != ""
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	return func() {
		cancel()
		if !first.Stop() {
			<-done
		}
	}
}

// look tells whom the session waits for, and how far its statement is where the
// server knows.
func (m *Migrator) look(ctx context.Context, s *session) (blockers, progress string) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	blockers = describe(ctx, m.db, `SELECT unnest(pg_blocking_pids($1))`, s.pid)
	const query = `SELECT COALESCE(a.state, ''), COALESCE(a.wait_event, ''), COALESCE(p.phase, ''), COALESCE(p.blocks_done, 0), COALESCE(p.blocks_total, 0)
		FROM pg_stat_activity a LEFT JOIN pg_stat_progress_create_index p USING (pid) WHERE a.pid = $1`
	var state, event, phase string
	var done, total int64
	if err := m.db.QueryRowContext(ctx, query, s.pid).Scan(&state, &event, &phase, &done, &total); err != nil {
		return blockers, "unknown: " + err.Error()
	}
	switch {
	case phase != "" && total > 0:
		return blockers, fmt.Sprintf("%s: %d of %d blocks", phase, done, total)
	case phase != "":
		return blockers, phase
	case event != "":
		return blockers, state + ", waits for " + event
	}
	return blockers, state
}
