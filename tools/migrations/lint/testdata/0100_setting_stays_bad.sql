-- +goose Up
SET search_path = app;
SET ROLE owner;
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
RESET search_path;
SELECT set_config('search_path', 'app', false);

-- +goose Down
SET TIME ZONE 'UTC';
