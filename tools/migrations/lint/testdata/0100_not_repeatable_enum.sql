-- +goose NO TRANSACTION
-- +goose Up
ALTER TYPE state ADD VALUE 'late';

-- +goose Down
SELECT 1;
