-- +goose Up
DROP INDEX tasks_by_owner;

-- +goose Down
DROP INDEX IF EXISTS somewhere.other;
