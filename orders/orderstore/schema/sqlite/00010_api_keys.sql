-- +goose Up
-- What programs sign in with. Texts compare by bytes, times are microseconds since
-- 1970.
CREATE TABLE IF NOT EXISTS api_keys (
    id         TEXT NOT NULL,
    token_hash BLOB NOT NULL, -- SHA-256; the token itself is nowhere
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    shop       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL, -- 0 while the key stands
    PRIMARY KEY (id)
);
-- who bears it
CREATE UNIQUE INDEX IF NOT EXISTS api_keys_token ON api_keys (token_hash);
