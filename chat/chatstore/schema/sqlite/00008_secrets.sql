-- +goose Up
CREATE TABLE IF NOT EXISTS secrets (
    name  TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (name)
) WITHOUT ROWID;
