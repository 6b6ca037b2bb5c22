-- +goose NO TRANSACTION
-- +goose Up
REINDEX TABLE CONCURRENTLY tasks;

-- +goose Down
SELECT 1;
