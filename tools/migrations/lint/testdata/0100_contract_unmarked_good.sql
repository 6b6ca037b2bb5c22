-- +goose Up
-- soketsugo:contract 3
ALTER TABLE tasks DROP COLUMN price;
ALTER TABLE tasks RENAME COLUMN title TO name;
DROP TABLE events;
DROP TYPE state;

-- +goose Down
ALTER TABLE tasks ADD COLUMN price numeric(8, 2);
CREATE TABLE events (id bigint);
CREATE INDEX events_by_id ON events (id);
