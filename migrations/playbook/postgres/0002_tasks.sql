-- +goose Up
-- The work of one step of one enrolment. A row is there from when the step is the
-- next one on, and waits until it is due.
CREATE TABLE tasks (
    workspace text NOT NULL,
    id uuid NOT NULL,
    enrolment_id uuid NOT NULL,
    step integer NOT NULL CHECK (step >= 0),
    kind text NOT NULL CHECK (kind IN ('EMAIL', 'CALL', 'TASK')),
    title text NOT NULL,
    due_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('PENDING', 'LEASED', 'DONE', 'FAILED', 'CANCELLED')),
    -- When it is due, later after a failure, and under a lease when that runs out.
    claimable_at timestamptz NOT NULL,
    attempts integer NOT NULL CHECK (attempts >= 0),
    holder text NOT NULL,
    -- NULL until the first claim.
    lease_token uuid CHECK (lease_token IS NOT NULL OR state IN ('PENDING', 'CANCELLED')),
    outcome text NOT NULL,
    PRIMARY KEY (workspace, id),
    FOREIGN KEY (workspace, enrolment_id) REFERENCES enrolments (workspace, id)
);

ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON tasks USING (workspace = current_setting('playbook.workspace', true));

-- No step of an enrolment is a task twice.
CREATE UNIQUE INDEX tasks_one_per_step ON tasks (workspace, enrolment_id, step);

-- The order in which they are claimed.
CREATE INDEX tasks_claimable ON tasks (workspace, claimable_at, id)
    WHERE state IN ('PENDING', 'LEASED');

-- +goose Down
DROP TABLE tasks;
