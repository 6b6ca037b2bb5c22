-- +goose Up
CREATE TABLE a (id bigint REFERENCES projects (id));
-- Nobody can write to projects until this is done.
INSERT INTO a SELECT id FROM projects;

-- +goose Down
DROP TABLE a;
