-- +goose Up
CLUSTER tasks USING tasks_by_owner;
CLUSTER;
ALTER TABLE tasks SET TABLESPACE fast;
ALTER TABLE tasks SET UNLOGGED;

-- +goose Down
SELECT 1;
