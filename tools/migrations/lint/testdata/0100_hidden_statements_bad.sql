-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
    DROP TABLE tasks;
END $$;
-- +goose StatementEnd
CALL tidy();

-- +goose Down
SELECT 1;
