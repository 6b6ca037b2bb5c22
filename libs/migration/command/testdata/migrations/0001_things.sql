-- +goose Up
CREATE TABLE things (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL
);
INSERT INTO things (name) SELECT 'thing ' || n FROM generate_series(1, 20000) n;

-- +goose Down
DROP TABLE things;
