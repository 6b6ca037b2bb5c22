-- +goose Up
-- soketsugo:allow truncate
TRUNCATE tasks;
-- soketsugo:allow truncation nobody uses it
TRUNCATE projects;
-- soketsugo:allow truncate nobody uses it
SELECT 1;
-- soketsugo:allow syntax it is right
SELECT 2;
-- soketsugo:allow
SELECT 3;
-- soketsugo:allow lock-table it is only for the next statement
SELECT 4;
LOCK TABLE tasks;

-- +goose Down
SELECT 1;
