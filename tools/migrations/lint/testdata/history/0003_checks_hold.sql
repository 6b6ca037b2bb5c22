-- +goose Up
ALTER TABLE tasks VALIDATE CONSTRAINT owner_there;

-- +goose Down
SELECT 1;
