-- +goose Up
CREATE TABLE IF NOT EXISTS sessions (
    id         TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    token_hash BLOB NOT NULL, -- SHA-256; the token itself is nowhere
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    client     TEXT NOT NULL,
    PRIMARY KEY (id)
);
-- every request looks its session up
CREATE UNIQUE INDEX IF NOT EXISTS sessions_token ON sessions (token_hash);
-- the user's own list; a new password ends them
CREATE INDEX IF NOT EXISTS sessions_user ON sessions (user_id);
-- the sweep
CREATE INDEX IF NOT EXISTS sessions_expires ON sessions (expires_at);
