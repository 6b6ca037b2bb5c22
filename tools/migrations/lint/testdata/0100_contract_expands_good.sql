-- +goose Up
-- soketsugo:contract 3
DROP TABLE events;

-- +goose Down
SELECT 1;
