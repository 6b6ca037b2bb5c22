-- +goose Up
CREATE TABLE a (id bigint);
CREATE INDEX a_by_id ON public.a (id);
CREATE INDEX events_by_at ON ONLY events (at);

-- +goose Down
DROP TABLE a;
