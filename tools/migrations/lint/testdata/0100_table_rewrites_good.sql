-- +goose Up
ALTER TABLE tasks SET (fillfactor = 80);

-- +goose Down
SELECT 1;
