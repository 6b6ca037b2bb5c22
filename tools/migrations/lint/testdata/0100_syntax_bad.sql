-- +goose Up
CREATE TABLE a (id bigint);

-- A comment; with a semicolon.
ALTER TABLE a ADD COLUM
    b text;
CREATE FUNCTION one() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    RETURN 1;
END $$;

-- +goose Down
SELECT 1;
