-- +goose NO TRANSACTION
-- +goose Up
VACUUM tasks;

-- +goose Down
SELECT 1;
