-- +goose Up
ALTER TABLE tasks ADD CONSTRAINT tasks_title UNIQUE USING INDEX tasks_title;
CREATE TABLE a (id bigint);
ALTER TABLE a ADD PRIMARY KEY (id);

-- +goose Down
ALTER TABLE tasks DROP CONSTRAINT tasks_title;
DROP TABLE a;
