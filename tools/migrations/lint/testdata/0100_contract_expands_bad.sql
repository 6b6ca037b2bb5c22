-- +goose Up
-- soketsugo:contract 3
DROP TABLE events;
CREATE TABLE a (id bigint);
ALTER TABLE tasks ADD COLUMN a integer;

-- +goose Down
SELECT 1;
