-- +goose Up
CREATE TABLE webhook_events (
    workspace text NOT NULL,
    provider text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL CHECK (type IN ('reply', 'unsubscribe', 'bounce')),
    contact text NOT NULL,
    occurred_at timestamptz NOT NULL,
    applied_at timestamptz NOT NULL,
    -- Whatever is told twice is applied once.
    PRIMARY KEY (workspace, provider, event_id)
);

ALTER TABLE webhook_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_events FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON webhook_events USING (workspace = current_setting('playbook.workspace', true));

-- Those to forget.
CREATE INDEX webhook_events_by_age ON webhook_events (workspace, applied_at);

-- +goose Down
DROP TABLE webhook_events;
