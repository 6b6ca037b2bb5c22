-- +goose Up
-- Every table has a workspace, which every query names.
CREATE TABLE playbooks (
    workspace TEXT NOT NULL CHECK (length(workspace) BETWEEN 1 AND 63),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    -- An array of {kind, title, delay_seconds}, always read and written whole.
    steps TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('DRAFT', 'ACTIVE', 'ARCHIVED')),
    revision INTEGER NOT NULL CHECK (revision > 0),
    -- Times are microseconds since 1970.
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (workspace, id)
) STRICT;

-- The order of the list, newest first.
CREATE INDEX playbooks_by_age ON playbooks (workspace, created_at DESC, id DESC);

-- The steps of every revision that a playbook ever had: enrolments keep those of
-- theirs.
CREATE TABLE playbook_revisions (
    workspace TEXT NOT NULL,
    playbook_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    steps TEXT NOT NULL,
    PRIMARY KEY (workspace, playbook_id, revision),
    FOREIGN KEY (workspace, playbook_id) REFERENCES playbooks (workspace, id)
) STRICT;

CREATE TABLE enrolments (
    workspace TEXT NOT NULL,
    id TEXT NOT NULL,
    playbook_id TEXT NOT NULL,
    playbook_revision INTEGER NOT NULL,
    contact TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'PAUSED', 'COMPLETED', 'CANCELLED')),
    current_step INTEGER NOT NULL CHECK (current_step >= 0),
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (workspace, id),
    FOREIGN KEY (workspace, playbook_id, playbook_revision) REFERENCES playbook_revisions (workspace, playbook_id, revision)
) STRICT;

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
