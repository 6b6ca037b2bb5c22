-- +goose Up
ALTER TABLE tasks ADD COLUMN a integer;
UPDATE tasks SET a = 1 WHERE id = 7;
UPDATE tasks SET a = 1 WHERE id IN (1, 2, 3) AND owner = 'nobody';
DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE a = 2 LIMIT 100);
WITH few AS (SELECT id FROM tasks LIMIT 100) UPDATE tasks SET a = 2 FROM few WHERE few.id = tasks.id;
INSERT INTO projects VALUES (1, 'first'), (2, 'second');
INSERT INTO projects SELECT id, title FROM tasks ORDER BY id LIMIT 10;

-- +goose Down
UPDATE tasks SET weight = NULL;
