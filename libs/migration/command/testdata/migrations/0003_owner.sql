-- +goose Up
ALTER TABLE things ADD COLUMN owner text;
CREATE TABLE owners (
    name text PRIMARY KEY
);
INSERT INTO owners VALUES ('nobody');

-- +goose Down
DROP TABLE owners;
ALTER TABLE things DROP COLUMN owner;
