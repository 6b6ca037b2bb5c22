-- +goose Up
ALTER TABLE tasks
    ADD CONSTRAINT owner_there CHECK (owner IS NOT NULL) NOT VALID,
    ADD CONSTRAINT due_there CHECK (due IS NOT NULL AND weight > 0) NOT VALID;
ALTER TABLE tasks ADD CONSTRAINT weight_there CHECK (weight IS NOT NULL) NOT VALID;

-- +goose Down
ALTER TABLE tasks DROP CONSTRAINT owner_there, DROP CONSTRAINT due_there, DROP CONSTRAINT weight_there;
