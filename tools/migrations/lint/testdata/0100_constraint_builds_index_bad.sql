-- +goose Up
ALTER TABLE tasks ADD UNIQUE (title);
ALTER TABLE tasks ADD CONSTRAINT tasks_key PRIMARY KEY (id, due);
ALTER TABLE tasks ADD COLUMN code text UNIQUE;
ALTER TABLE tasks ADD EXCLUDE USING gist (box WITH &&);

-- +goose Down
SELECT 1;
