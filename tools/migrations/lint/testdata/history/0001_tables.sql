-- +goose Up
CREATE TABLE projects (
    id bigint PRIMARY KEY,
    name varchar(40) NOT NULL
);
CREATE TABLE tasks (
    id bigint PRIMARY KEY,
    project_id bigint NOT NULL REFERENCES projects (id),
    title varchar(40) NOT NULL,
    price numeric(8, 2),
    owner text,
    due date,
    weight integer,
    small integer
);
CREATE INDEX tasks_by_owner ON tasks (owner);
CREATE TABLE events (id bigint, at date) PARTITION BY RANGE (at);
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE DOMAIN grade AS integer CHECK (VALUE > 0);
CREATE TYPE state AS ENUM ('open', 'done');
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS total FROM tasks;
CREATE UNIQUE INDEX totals_once ON totals (total);

-- +goose Down
DROP MATERIALIZED VIEW totals;
DROP TYPE state;
DROP DOMAIN grade;
DROP TABLE events;
DROP TABLE tasks;
DROP TABLE projects;
