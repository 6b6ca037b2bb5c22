-- +goose Up
CREATE TABLE a (id bigint);

-- +goose Down
SELECT 1;
