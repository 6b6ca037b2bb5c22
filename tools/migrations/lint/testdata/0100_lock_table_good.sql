-- +goose Up
CREATE TABLE a (id bigint);
LOCK TABLE a;

-- +goose Down
SELECT 1;
