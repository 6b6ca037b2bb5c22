-- +goose Up
SET LOCAL search_path = app;
SET LOCAL ROLE owner;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SET CONSTRAINTS ALL DEFERRED;
SELECT set_config('search_path', 'app', true);

-- +goose Down
SELECT 1;
