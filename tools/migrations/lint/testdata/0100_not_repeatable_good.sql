-- +goose NO TRANSACTION
-- +goose Up
ALTER TYPE state ADD VALUE IF NOT EXISTS 'late';

-- +goose Down
SELECT 1;
