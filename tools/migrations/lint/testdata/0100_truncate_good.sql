-- +goose Up
CREATE TABLE a (id bigint);
TRUNCATE a;

-- +goose Down
SELECT 1;
