-- +goose NO TRANSACTION
-- +goose Up
-- soketsugo:lock-timeout 0s
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_due ON tasks (due);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_due;
