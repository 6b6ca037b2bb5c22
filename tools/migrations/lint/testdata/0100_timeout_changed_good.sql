-- +goose Up
-- soketsugo:lock-timeout 5s
-- soketsugo:statement-timeout 1m
SET LOCAL search_path = public;
SELECT set_config('search_path', 'public', true);

-- +goose Down
SELECT 1;
