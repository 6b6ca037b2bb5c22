-- +goose Up
REINDEX TABLE tasks;
REINDEX INDEX tasks_by_owner;
REINDEX (CONCURRENTLY false) TABLE tasks;

-- +goose Down
SELECT 1;
