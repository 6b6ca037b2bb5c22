-- +goose NO TRANSACTION
-- +goose Up
VACUUM (FULL, ANALYZE) tasks;

-- +goose Down
VACUUM FULL;
