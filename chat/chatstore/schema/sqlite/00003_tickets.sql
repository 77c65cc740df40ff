-- +goose Up
CREATE TABLE IF NOT EXISTS tickets (
    hash       BLOB NOT NULL,
    session_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (hash)
) WITHOUT ROWID;
-- the sweep
CREATE INDEX IF NOT EXISTS tickets_expires ON tickets (expires_at);
