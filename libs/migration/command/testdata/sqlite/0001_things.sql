-- +goose Up
CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO things
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000)
SELECT n, 'thing ' || n FROM numbers;

-- +goose Down
DROP TABLE things;
