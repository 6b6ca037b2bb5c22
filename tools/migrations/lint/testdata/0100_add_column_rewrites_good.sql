-- +goose Up
ALTER TABLE tasks ADD COLUMN a uuid;
ALTER TABLE tasks ALTER COLUMN a SET DEFAULT gen_random_uuid();
ALTER TABLE tasks ADD COLUMN b timestamptz NOT NULL DEFAULT now();
ALTER TABLE tasks ADD COLUMN c jsonb NOT NULL DEFAULT '{}'::jsonb, ADD COLUMN d timestamp DEFAULT (CURRENT_TIMESTAMP AT TIME ZONE 'UTC');
CREATE TABLE a (id bigint);
ALTER TABLE a ADD COLUMN b bigserial;

-- +goose Down
SELECT 1;
