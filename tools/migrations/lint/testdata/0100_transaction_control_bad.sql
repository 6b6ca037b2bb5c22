-- +goose Up
BEGIN;
CREATE TABLE a (id bigint);
COMMIT;

-- +goose Down
SELECT 1;
