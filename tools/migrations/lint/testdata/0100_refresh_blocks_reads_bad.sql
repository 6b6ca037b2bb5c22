-- +goose Up
REFRESH MATERIALIZED VIEW totals;

-- +goose Down
SELECT 1;
