-- +goose Up
ALTER TABLE things ADD COLUMN owner TEXT;

-- +goose Down
ALTER TABLE things DROP COLUMN owner;
