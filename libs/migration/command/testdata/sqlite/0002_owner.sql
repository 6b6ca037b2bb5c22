-- +goose Up
ALTER TABLE things ADD COLUMN owner TEXT NOT NULL DEFAULT 'nobody';
UPDATE things SET owner = 'somebody' WHERE id % 2 = 0;

-- +goose Down
ALTER TABLE things DROP COLUMN owner;
