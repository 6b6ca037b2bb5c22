-- +goose Up
ALTER TABLE tasks VALIDATE CONSTRAINT due_there;
ALTER TABLE tasks VALIDATE CONSTRAINT weight_there;

-- +goose Down
SELECT 1;
