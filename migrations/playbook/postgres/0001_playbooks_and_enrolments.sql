-- +goose Up
-- Every table has a workspace, which every query names. The policies are the second
-- fence: where a statement runs without the setting, or with another one, there are
-- no rows. FORCE, because the owner of the tables is fenced in too.
CREATE TABLE playbooks (
    workspace text NOT NULL CHECK (length(workspace) BETWEEN 1 AND 63),
    id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    -- An array of {kind, title, delay_seconds}, always read and written whole.
    steps jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('DRAFT', 'ACTIVE', 'ARCHIVED')),
    revision bigint NOT NULL CHECK (revision > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, id)
);

ALTER TABLE playbooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE playbooks FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON playbooks USING (workspace = current_setting('playbook.workspace', true));

-- The order of the list, newest first.
CREATE INDEX playbooks_by_age ON playbooks (workspace, created_at DESC, id DESC);

-- The steps of every revision that a playbook ever had: enrolments keep those of
-- theirs.
CREATE TABLE playbook_revisions (
    workspace text NOT NULL,
    playbook_id uuid NOT NULL,
    revision bigint NOT NULL,
    steps jsonb NOT NULL,
    PRIMARY KEY (workspace, playbook_id, revision),
    FOREIGN KEY (workspace, playbook_id) REFERENCES playbooks (workspace, id)
);

ALTER TABLE playbook_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE playbook_revisions FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON playbook_revisions USING (workspace = current_setting('playbook.workspace', true));

CREATE TABLE enrolments (
    workspace text NOT NULL,
    id uuid NOT NULL,
    playbook_id uuid NOT NULL,
    playbook_revision bigint NOT NULL,
    contact text NOT NULL,
    state text NOT NULL CHECK (state IN ('ACTIVE', 'PAUSED', 'COMPLETED', 'CANCELLED')),
    current_step integer NOT NULL CHECK (current_step >= 0),
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, id),
    FOREIGN KEY (workspace, playbook_id, playbook_revision) REFERENCES playbook_revisions (workspace, playbook_id, revision)
);

ALTER TABLE enrolments ENABLE ROW LEVEL SECURITY;
ALTER TABLE enrolments FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON enrolments USING (workspace = current_setting('playbook.workspace', true));

-- At most one live enrolment per contact and playbook.
CREATE UNIQUE INDEX enrolments_one_live ON enrolments (workspace, playbook_id, contact)
    WHERE state IN ('ACTIVE', 'PAUSED');

-- The order of a playbook's list, newest first.
CREATE INDEX enrolments_by_age ON enrolments (workspace, playbook_id, created_at DESC, id DESC);

-- What a contact is in.
CREATE INDEX enrolments_by_contact ON enrolments (workspace, contact);

-- +goose Down
DROP TABLE enrolments;
DROP TABLE playbook_revisions;
DROP TABLE playbooks;
