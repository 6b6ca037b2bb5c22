-- +goose Up
ALTER TABLE tasks ALTER COLUMN title TYPE varchar(80), ALTER COLUMN price TYPE numeric(10, 2);
ALTER TABLE tasks ALTER COLUMN title TYPE text;

-- +goose Down
SELECT 1;
