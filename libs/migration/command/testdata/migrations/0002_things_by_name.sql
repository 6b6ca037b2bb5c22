-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS things_by_name ON things (name);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS things_by_name;
