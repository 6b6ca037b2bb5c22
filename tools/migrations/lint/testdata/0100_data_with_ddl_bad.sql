-- +goose Up
UPDATE tasks SET weight = 1 WHERE owner = 'nobody';
ALTER TABLE tasks ADD COLUMN a integer;
UPDATE tasks SET a = (SELECT id FROM projects LIMIT 1);
INSERT INTO projects SELECT id, title FROM tasks;
DELETE FROM tasks;
CREATE TABLE copies AS SELECT * FROM tasks;
MERGE INTO tasks t USING projects p ON p.id = t.id WHEN MATCHED THEN DELETE;

-- +goose Down
SELECT 1;
