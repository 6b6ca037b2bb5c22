package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres"
	"github.com/soketsugo/soketsugo/libs/playbook/store/postgres/databasetest"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/uuidv7"
)

const (
	// The sides.
	service = "service"
	direct  = "pgx"

	workspace domain.Workspace = "bench"
	// playbooks is how many there are to read.
	playbooks = 1000
	// claimed is how many tasks are claimed at once.
	claimed = 10
	lease   = time.Hour
	// connections is how many each side has.
	connections = 16
)

// stage is a database with what both sides work on.
type stage struct {
	admin *pgx.Conn
	store *postgres.Store
	use   *usecase.Service
	pool  *pgxpool.Pool
	// ids are those of the playbooks; all of them are active.
	ids []string
}

// newStage prepares a database.
func newStage(ctx context.Context, databaseURL string, clients int) (s *stage, err error) {
	if err := databasetest.Prepare(ctx, databaseURL); err != nil {
		return nil, err
	}
	s = &stage{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.admin, err = pgx.Connect(ctx, databaseURL); err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("reading the database URL: %w", err)
	}
	query := parsed.Query()
	query.Set("user", databasetest.Server) // no superuser, whom row-level security lets pass
	query.Set("pool_max_conns", fmt.Sprint(min(clients, connections)))
	parsed.User, parsed.RawQuery = nil, query.Encode()
	if s.store, err = postgres.Open(parsed.String()); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	if s.pool, err = pgxpool.New(ctx, parsed.String()); err != nil {
		return nil, fmt.Errorf("opening pgx's pool: %w", err)
	}
	s.use = usecase.New(s.store, time.Now, newID)
	for i := range playbooks {
		playbook, err := s.use.CreatePlaybook(ctx, workspace, domain.Draft{
			Name: fmt.Sprintf("Playbook %d", i), Description: "What the bench reads.",
			Steps: []domain.Step{{Kind: domain.StepEmail, Title: "Say hello"}, {Kind: domain.StepCall, Title: "Call", Delay: 24 * time.Hour}},
		})
		if err == nil {
			_, err = s.use.ActivatePlaybook(ctx, workspace, playbook.ID, 0)
		}
		if err != nil {
			return nil, fmt.Errorf("making playbooks: %w", err)
		}
		s.ids = append(s.ids, playbook.ID)
	}
	return s, nil
}

func (s *stage) close() {
	if s.store != nil {
		s.store.Close()
	}
	if s.pool != nil {
		s.pool.Close()
	}
	if s.admin != nil {
		_ = s.admin.Close(context.Background()) // the server is thrown away
	}
}

func newID() string { return uuidv7.New(time.Now()) }

// prepare makes the tables what they are at the beginning of a turn.
func (s *stage) prepare(ctx context.Context, kind string, tasks int) error {
	if kind == "read" {
		return nil
	}
	if _, err := s.admin.Exec(ctx, `TRUNCATE tasks, enrolments`); err != nil {
		return fmt.Errorf("emptying tables: %w", err)
	}
	if kind == "claim" {
		const fill = `
			WITH enrolled AS (
				INSERT INTO enrolments (workspace, id, playbook_id, playbook_revision, contact, state, current_step, due_at, created_at)
				SELECT $1, gen_random_uuid(), $2, 2, n::text, 'ACTIVE', 0, now(), now() FROM generate_series(1, $3) n RETURNING id
			)
			INSERT INTO tasks (workspace, id, enrolment_id, step, kind, title, due_at, state, claimable_at, attempts, holder, outcome)
			SELECT $1, gen_random_uuid(), id, 0, 'EMAIL', 'Say hello', now(), 'PENDING', now(), 0, '', '' FROM enrolled`
		if _, err := s.admin.Exec(ctx, fill, string(workspace), s.ids[0], tasks); err != nil {
			return fmt.Errorf("making tasks: %w", err)
		}
	}
	// What the server would do by itself, in the middle of a turn.
	if _, err := s.admin.Exec(ctx, `VACUUM ANALYZE tasks, enrolments, playbooks`); err != nil {
		return fmt.Errorf("analysing tables: %w", err)
	}
	return nil
}

var errNoTasks = errors.New("all tasks are claimed: make more of them")

// service is what is measured.
func (s *stage) service() map[string]operation {
	return map[string]operation{
		"read": func(ctx context.Context, n int64) error {
			_, err := s.use.GetPlaybook(ctx, workspace, s.ids[n%playbooks])
			return err
		},
		"write": func(ctx context.Context, n int64) error {
			_, err := s.use.EnrolContact(ctx, workspace, s.ids[n%playbooks], fmt.Sprintf("contact-%d", n))
			return err
		},
		"claim": func(ctx context.Context, _ int64) error {
			tasks, err := s.use.ClaimTasks(ctx, workspace, "bench", claimed, lease)
			if err == nil && len(tasks) == 0 {
				err = errNoTasks
			}
			return err
		},
	}
}
