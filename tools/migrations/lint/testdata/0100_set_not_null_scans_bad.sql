-- +goose Up
ALTER TABLE tasks ALTER COLUMN small SET NOT NULL;
-- A check that has not been validated proves nothing.
ALTER TABLE tasks ALTER COLUMN due SET NOT NULL;
ALTER DOMAIN grade SET NOT NULL;

-- +goose Down
SELECT 1;
