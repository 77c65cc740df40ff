-- +goose Up
-- Ids are 26 ASCII characters, times are microseconds since 1970, and all text
-- compares by bytes: who is equal to whom was decided before it came here.
CREATE TABLE IF NOT EXISTS users (
    id            TEXT NOT NULL,
    name          TEXT NULL, -- to sign in, normalised; guests have none
    display_name  TEXT NOT NULL,
    password_hash TEXT NOT NULL, -- empty for guests
    guest         INTEGER NOT NULL,
    disabled      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (id)
);
-- signing in; two sign-ups at a time for one name
CREATE UNIQUE INDEX IF NOT EXISTS users_name ON users (name);
