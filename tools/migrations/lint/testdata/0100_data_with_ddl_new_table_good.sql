-- +goose Up
CREATE TABLE a (id bigint, project_id bigint);
INSERT INTO a SELECT id, project_id FROM tasks;
UPDATE a SET id = id + 1;
CREATE INDEX a_by_id ON a (id);

-- +goose Down
DROP TABLE a;
