-- +goose Up
CREATE TABLE api_keys (
    workspace TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Words with spaces between them.
    scopes TEXT NOT NULL,
    -- SHA-256 of what only the holder knows.
    secret_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER,
    PRIMARY KEY (workspace, id)
) STRICT;

-- The order of the list, newest first.
CREATE INDEX api_keys_by_age ON api_keys (workspace, created_at DESC, id DESC);

CREATE TABLE idempotency_keys (
    workspace TEXT NOT NULL,
    api_key_id TEXT NOT NULL,
    key TEXT NOT NULL,
    -- SHA-256 of what was asked for.
    fingerprint BLOB NOT NULL,
    -- Who does the request, and until when; then it counts as given up.
    holder TEXT NOT NULL,
    claimed_until INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- The answer; null until there is one.
    status INTEGER,
    headers TEXT,
    body BLOB,
    PRIMARY KEY (workspace, api_key_id, key)
) STRICT;

-- Those to remove.
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (workspace, expires_at);

-- +goose Down
DROP TABLE idempotency_keys;
DROP TABLE api_keys;
