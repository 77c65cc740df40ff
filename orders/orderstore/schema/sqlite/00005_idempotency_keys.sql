-- +goose Up
-- What the first call with a key was told.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    id          BLOB NOT NULL PRIMARY KEY, -- SHA-256 of the owner and the key
    fingerprint BLOB NOT NULL, -- of the request
    order_id    BLOB NOT NULL,
    customer_id TEXT NOT NULL,
    version     INTEGER NOT NULL, -- of the order that was told
    doc         BLOB NOT NULL,
    at          INTEGER NOT NULL
);
-- the sweep
CREATE INDEX IF NOT EXISTS idempotency_keys_at ON idempotency_keys (at);
