-- +goose Up
LOCK TABLE tasks IN SHARE MODE;

-- +goose Down
SELECT 1;
