-- +goose Up
ALTER TABLE tasks ADD COLUMN a integer NOT NULL;
ALTER TABLE tasks ADD COLUMN b integer NOT NULL DEFAULT NULL;

-- +goose Down
SELECT 1;
