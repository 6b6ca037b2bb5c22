-- +goose Up
-- soketsugo:lock-timeout 0s
ALTER TABLE tasks ADD COLUMN note text;

-- +goose Down
SELECT 1;
