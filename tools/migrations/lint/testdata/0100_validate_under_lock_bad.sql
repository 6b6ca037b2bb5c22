-- +goose Up
ALTER TABLE tasks ADD CONSTRAINT small_is_small CHECK (small < 10) NOT VALID;
ALTER TABLE tasks VALIDATE CONSTRAINT small_is_small;
ALTER TABLE tasks VALIDATE CONSTRAINT due_there;

-- +goose Down
SELECT 1;
