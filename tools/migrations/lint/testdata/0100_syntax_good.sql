-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION one() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    RETURN 1;
END $$;
-- +goose StatementEnd
CREATE TABLE a (id bigint); -- a comment; at the end

-- +goose Down
DROP TABLE a;
DROP FUNCTION one();
