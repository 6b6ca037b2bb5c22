-- +goose Up
-- The work of one step of one enrolment. A row is there from when the step is the
-- next one on, and waits until it is due.
CREATE TABLE tasks (
    workspace TEXT NOT NULL,
    id TEXT NOT NULL,
    enrolment_id TEXT NOT NULL,
    step INTEGER NOT NULL CHECK (step >= 0),
    kind TEXT NOT NULL CHECK (kind IN ('EMAIL', 'CALL', 'TASK')),
    title TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('PENDING', 'LEASED', 'DONE', 'FAILED', 'CANCELLED')),
    -- When it is due, later after a failure, and under a lease when that runs out.
    claimable_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    holder TEXT NOT NULL,
    -- NULL until the first claim.
    lease_token TEXT CHECK (lease_token IS NOT NULL OR state IN ('PENDING', 'CANCELLED')),
    outcome TEXT NOT NULL,
    PRIMARY KEY (workspace, id),
    FOREIGN KEY (workspace, enrolment_id) REFERENCES enrolments (workspace, id)
) STRICT;

-- No step of an enrolment is a task twice.
CREATE UNIQUE INDEX tasks_one_per_step ON tasks (workspace, enrolment_id, step);

-- The order in which they are claimed.
CREATE INDEX tasks_claimable ON tasks (workspace, claimable_at, id)
    WHERE state IN ('PENDING', 'LEASED');

-- +goose Down
DROP TABLE tasks;
