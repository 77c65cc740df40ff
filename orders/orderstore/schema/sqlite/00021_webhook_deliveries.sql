-- +goose Up
-- What is to be told to each endpoint, and how that went. Rows are written in the
-- transaction of the event.
CREATE TABLE IF NOT EXISTS webhook_deliveries (
    endpoint_id BLOB NOT NULL,
    id          BLOB NOT NULL, -- of the message: the same for each endpoint
    type        TEXT NOT NULL,
    state       INTEGER NOT NULL, -- 0 pending, 1 delivered, 2 failed
    due_at      INTEGER NOT NULL, -- when it may be claimed; 0 unless pending
    expires_at  INTEGER NOT NULL, -- pending: no try from then on; else when it is forgotten
    attempts    INTEGER NOT NULL,
    claim       INTEGER NOT NULL, -- number of the last claim; grows for ever
    created_at  INTEGER NOT NULL,
    body        BLOB NOT NULL,
    last_at     INTEGER NOT NULL, -- the last try; 0 before the first
    last_ms     INTEGER NOT NULL,
    last_code   INTEGER NOT NULL,
    last_reason TEXT NOT NULL,
    last_answer TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, id) -- an endpoint's, by age
);
-- has it something due; claims
CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON webhook_deliveries (endpoint_id, state, due_at);
-- the sweep; how many are pending
CREATE INDEX IF NOT EXISTS webhook_deliveries_expiry ON webhook_deliveries (state, expires_at);
