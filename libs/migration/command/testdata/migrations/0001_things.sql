-- +goose Up
CREATE TABLE things (
    id bigint PRIMARY KEY,
    name text NOT NULL
);
INSERT INTO things SELECT n, 'thing ' || n FROM generate_series(1, 10000) n;

-- +goose Down
DROP TABLE things;
