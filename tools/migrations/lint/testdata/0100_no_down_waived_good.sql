-- +goose Up
CREATE TABLE a (id bigint);

-- +goose Down
-- soketsugo:allow no-down what was moved cannot be told apart afterwards
