-- +goose Up
-- A room's row is locked by whoever numbers events of that room.
CREATE TABLE IF NOT EXISTS rooms (
    id              TEXT NOT NULL,
    kind            TEXT NOT NULL,
    name            TEXT NOT NULL,
    public_name     TEXT NULL, -- the name, of public rooms only
    direct_key      TEXT NULL, -- the pair, of direct rooms only
    topic           TEXT NOT NULL,
    epoch           TEXT NOT NULL,
    last_seq        INTEGER NOT NULL, -- number of events
    last_message_no INTEGER NOT NULL, -- number of messages among them
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (id)
);
-- finding by name, listing by name, one room per name
CREATE UNIQUE INDEX IF NOT EXISTS rooms_public_name ON rooms (public_name);
-- one room per pair
CREATE UNIQUE INDEX IF NOT EXISTS rooms_direct_key ON rooms (direct_key);
