-- +goose Up
-- One row: which life of the database this is. Who restores a backup sets another
-- epoch before the first node starts.
CREATE TABLE IF NOT EXISTS order_meta (
    id    INTEGER NOT NULL PRIMARY KEY, -- 1
    epoch TEXT NOT NULL
);
