-- +goose Up
CREATE TABLE playbooks (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    -- An array of {kind, title, delay_seconds}, always read and written whole.
    steps TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('DRAFT', 'ACTIVE', 'ARCHIVED')),
    revision INTEGER NOT NULL CHECK (revision > 0),
    -- Times are microseconds since 1970.
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- The order of the list, newest first.
CREATE INDEX playbooks_by_age ON playbooks (created_at DESC, id DESC);

CREATE TABLE enrolments (
    id TEXT NOT NULL PRIMARY KEY,
    playbook_id TEXT NOT NULL REFERENCES playbooks (id),
    playbook_revision INTEGER NOT NULL CHECK (playbook_revision > 0),
    contact TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'PAUSED', 'COMPLETED', 'CANCELLED')),
    current_step INTEGER NOT NULL CHECK (current_step >= 0),
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- At most one live enrolment per contact and playbook.
CREATE UNIQUE INDEX enrolments_one_live ON enrolments (playbook_id, contact)
    WHERE state IN ('ACTIVE', 'PAUSED');

-- +goose Down
DROP TABLE enrolments;
DROP TABLE playbooks;
