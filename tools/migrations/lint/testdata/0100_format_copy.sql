-- +goose Up
COPY things (id) FROM STDIN;

-- +goose Down
SELECT 1;
