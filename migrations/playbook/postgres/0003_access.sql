-- +goose Up
CREATE TABLE api_keys (
    workspace text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    -- Words with spaces between them.
    scopes text NOT NULL,
    -- SHA-256 of what only the holder knows.
    secret_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (workspace, id)
);

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON api_keys USING (workspace = current_setting('playbook.workspace', true));

-- The order of the list, newest first.
CREATE INDEX api_keys_by_age ON api_keys (workspace, created_at DESC, id DESC);

CREATE TABLE idempotency_keys (
    workspace text NOT NULL,
    api_key_id uuid NOT NULL,
    key text NOT NULL,
    -- SHA-256 of what was asked for.
    fingerprint bytea NOT NULL,
    -- Who does the request, and until when; then it counts as given up.
    holder uuid NOT NULL,
    claimed_until timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- The answer; null until there is one.
    status integer,
    headers text,
    body bytea,
    PRIMARY KEY (workspace, api_key_id, key)
);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON idempotency_keys USING (workspace = current_setting('playbook.workspace', true));

-- Those to remove.
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (workspace, expires_at);

-- +goose Down
DROP TABLE idempotency_keys;
DROP TABLE api_keys;
