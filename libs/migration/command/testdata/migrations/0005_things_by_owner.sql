-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS things_by_owner ON things (owner, id);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS things_by_owner;
