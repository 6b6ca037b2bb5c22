-- +goose Up
-- The list.
CREATE INDEX tasks_by_due
    ON public.tasks (due);
CREATE UNIQUE INDEX ON events (id, at);

-- +goose Down
CREATE INDEX tasks_by_weight ON tasks (weight);
