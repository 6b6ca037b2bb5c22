-- +goose Up
ALTER TABLE tasks ADD CONSTRAINT small_is_small CHECK (small < 10);
ALTER TABLE tasks ADD FOREIGN KEY (weight) REFERENCES projects (id);
ALTER TABLE tasks ADD COLUMN a integer CHECK (a > 0);
ALTER TABLE tasks ADD COLUMN b bigint DEFAULT 1 REFERENCES projects (id);
ALTER DOMAIN grade ADD CONSTRAINT low CHECK (VALUE < 7);

-- +goose Down
SELECT 1;
