-- +goose Up
ALTER TABLE tasks ADD COLUMN a integer NOT NULL DEFAULT 1;
ALTER TABLE tasks ADD COLUMN b bigint REFERENCES projects (id);

-- +goose Down
SELECT 1;
