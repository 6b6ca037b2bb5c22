-- +goose Up
ALTER TABLE tasks DROP COLUMN price;
ALTER TABLE tasks RENAME COLUMN title TO name;
ALTER TABLE tasks RENAME TO jobs;
ALTER TABLE projects SET SCHEMA archive;
DROP TABLE events;
DROP VIEW IF EXISTS open_tasks, done_tasks;
DROP TYPE our.kind;
ALTER TYPE state RENAME VALUE 'open' TO 'new';
DROP FUNCTION our.number(integer);
DROP TRIGGER copy ON projects;
DROP MATERIALIZED VIEW totals;

-- +goose Down
SELECT 1;
