-- +goose Up
ALTER TABLE tasks ADD COLUMN a uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE tasks ADD COLUMN b bigserial;
ALTER TABLE tasks ADD COLUMN c bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE tasks
    ADD COLUMN d integer GENERATED ALWAYS AS (weight * 2) STORED,
    ADD COLUMN e grade;
ALTER TABLE tasks ADD COLUMN f timestamptz DEFAULT now() + random() * interval '1 day';
ALTER TABLE tasks ADD COLUMN g text DEFAULT our.number();

-- +goose Down
SELECT 1;
