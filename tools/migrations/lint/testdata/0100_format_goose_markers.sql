SELECT 0;
-- +goose Up
  -- +goose StatementBegin
SELECT 1;
-- +goose ENVSUB ON
-- +goose Down
-- +goose StatementBegin
SELECT 2;
