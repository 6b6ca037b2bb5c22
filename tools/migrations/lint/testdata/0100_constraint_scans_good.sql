-- +goose Up
ALTER TABLE tasks ADD CONSTRAINT small_is_small CHECK (small < 10) NOT VALID;
ALTER TABLE tasks ADD CONSTRAINT weight_is_project FOREIGN KEY (weight) REFERENCES projects (id) NOT VALID;
CREATE TABLE a (id bigint REFERENCES projects (id));
ALTER TABLE a ADD CHECK (id > 0);

-- +goose Down
ALTER TABLE tasks ADD CHECK (small < 10);
