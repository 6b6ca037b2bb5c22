-- +goose Up
CREATE TABLE webhook_events (
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('reply', 'unsubscribe', 'bounce')),
    contact TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    applied_at INTEGER NOT NULL,
    -- Whatever is told twice is applied once.
    PRIMARY KEY (workspace, provider, event_id)
) STRICT;

-- Those to forget.
CREATE INDEX webhook_events_by_age ON webhook_events (workspace, applied_at);

-- +goose Down
DROP TABLE webhook_events;
