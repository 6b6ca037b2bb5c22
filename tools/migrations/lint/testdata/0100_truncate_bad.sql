-- +goose Up
TRUNCATE tasks, projects;

-- +goose Down
SELECT 1;
