-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_due ON tasks (due);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_weight ON tasks (weight);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_due; DROP INDEX CONCURRENTLY IF EXISTS tasks_by_weight;
