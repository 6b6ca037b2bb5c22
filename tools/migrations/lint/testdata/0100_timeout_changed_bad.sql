-- +goose Up
SET lock_timeout = 0;
SET LOCAL statement_timeout TO '1min';
RESET lock_timeout;
RESET ALL;
SELECT set_config('lock_timeout', '0', true);

-- +goose Down
SET lock_timeout = 0;
