-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS U&"t\00e9" ON things (id);

-- +goose Down
SELECT 1;
