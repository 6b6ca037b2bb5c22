-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY tasks_by_due ON tasks (due);

-- +goose Down
DROP INDEX CONCURRENTLY tasks_by_due;
