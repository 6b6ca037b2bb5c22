package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// row is a new enrolment and its first task as the statement of CreateEnrolments reads it.
type row struct {
	Number    int       `json:"number"`
	ID        string    `json:"id"`
	Contact   string    `json:"contact"`
	State     string    `json:"state"`
	Step      int       `json:"step"`
	DueAt     time.Time `json:"due_at"`
	CreatedAt time.Time `json:"created_at"`
	TaskID    string    `json:"task_id"`
	Kind      string    `json:"kind"`
	Title     string    `json:"title"`
}

// CreateEnrolments stores new enrolments in one playbook, in one statement. See
// usecase.EnrolmentStore.
func (s *Store) CreateEnrolments(ctx context.Context, workspace domain.Workspace, enrolments []domain.Enrolment, first []domain.Task) ([]bool, error) {
	places := make(map[string]int, len(enrolments))
	rows := make([]row, len(enrolments))
	for i, e := range enrolments {
		places[e.ID] = i
		rows[i] = row{i, e.ID, e.Contact, string(e.State), e.CurrentStep, e.DueAt, e.CreatedAt, first[i].ID, string(first[i].Kind), first[i].Title}
	}
	document, err := json.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("encoding enrolments: %w", err)
	}
	playbookID, revision := enrolments[0].PlaybookID, enrolments[0].PlaybookRevision
	var ids []string
	err = s.do(ctx, workspace, func(ctx context.Context) (err error) {
		// The order of contacts is the same in all transactions, so that two of them
		// never wait for each other.
		ids, err = collect(ctx, s.db, scanID,
			`WITH n AS (
				SELECT * FROM json_to_recordset($4) AS n (number int, id uuid, contact text, state text, step int, due_at timestamptz,
					created_at timestamptz, task_id uuid, kind text, title text)
			), enrolled AS (
				INSERT INTO enrolments (workspace, `+enrolmentColumns+`)
				SELECT p.workspace, n.id, p.id, p.revision, n.contact, n.state, n.step, n.due_at, n.created_at
				FROM playbooks p, n
				WHERE p.workspace = $1 AND p.id = $2 AND p.revision = $3
				ORDER BY n.contact, n.number FOR SHARE OF p
				ON CONFLICT (workspace, playbook_id, contact) WHERE state IN ('ACTIVE', 'PAUSED') DO NOTHING
				RETURNING id
			), made AS (
				INSERT INTO tasks (`+newTaskColumns+`)
				SELECT $1, n.task_id, n.id, n.step, n.kind, n.title, n.due_at, 'PENDING', n.due_at, 0, '', ''
				FROM n JOIN enrolled ON enrolled.id = n.id`+notifyIfSoon+`
			)
			SELECT id FROM enrolled`,
			string(workspace), playbookID, revision, string(document))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("inserting enrolments: %w", err)
	}
	if len(ids) == 0 {
		// All of them are enrolled, or the playbook is not what it was.
		if err := s.unchanged(ctx, workspace, playbookID, revision); err != nil {
			return nil, err
		}
	}
	stored := make([]bool, len(enrolments))
	for _, id := range ids {
		stored[places[id]] = true
	}
	return stored, nil
}

func scanID(row scanner) (id string, err error) {
	err = row.Scan(&id)
	return id, err
}
