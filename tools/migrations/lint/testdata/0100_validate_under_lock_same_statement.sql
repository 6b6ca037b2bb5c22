-- +goose Up
ALTER TABLE tasks VALIDATE CONSTRAINT due_there, ALTER COLUMN small SET DEFAULT 1;

-- +goose Down
SELECT 1;
