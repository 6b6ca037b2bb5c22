-- +goose Up
CREATE TABLE playbooks (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL,
    -- An array of {kind, title, delay_seconds}, always read and written whole.
    steps jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('DRAFT', 'ACTIVE', 'ARCHIVED')),
    revision bigint NOT NULL CHECK (revision > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- The order of the list, newest first.
CREATE INDEX playbooks_by_age ON playbooks (created_at DESC, id DESC);

CREATE TABLE enrolments (
    id uuid PRIMARY KEY,
    playbook_id uuid NOT NULL REFERENCES playbooks (id),
    playbook_revision bigint NOT NULL CHECK (playbook_revision > 0),
    contact text NOT NULL,
    state text NOT NULL CHECK (state IN ('ACTIVE', 'PAUSED', 'COMPLETED', 'CANCELLED')),
    current_step integer NOT NULL CHECK (current_step >= 0),
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);

-- At most one live enrolment per contact and playbook.
CREATE UNIQUE INDEX enrolments_one_live ON enrolments (playbook_id, contact)
    WHERE state IN ('ACTIVE', 'PAUSED');

-- +goose Down
DROP TABLE enrolments;
DROP TABLE playbooks;
