-- +goose Up
UPDATE things SET owner = 'nobody' WHERE id % 2 = 0;

-- +goose Down
UPDATE things SET owner = NULL;
