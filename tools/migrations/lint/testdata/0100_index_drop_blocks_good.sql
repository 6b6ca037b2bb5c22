-- +goose Up
CREATE TABLE a (id bigint);
CREATE INDEX a_by_id ON a (id);
DROP INDEX a_by_id;

-- +goose Down
DROP TABLE a;
