-- +goose Up
ALTER TABLE tasks ALTER COLUMN weight TYPE bigint;
ALTER TABLE tasks ALTER COLUMN title TYPE varchar(20), ALTER COLUMN price TYPE numeric(10, 3);
ALTER TABLE others ALTER COLUMN a TYPE text;

-- +goose Down
SELECT 1;
