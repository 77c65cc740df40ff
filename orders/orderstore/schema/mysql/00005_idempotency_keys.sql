-- +goose Up
-- What the first call with a key was told. A row that is not committed yet is the
-- lock of its key.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    id          BINARY(32) NOT NULL, -- SHA-256 of the owner and the key
    fingerprint BINARY(32) NOT NULL, -- of the request
    order_id    BINARY(16) NOT NULL,
    customer_id VARBINARY(64) NOT NULL,
    version     BIGINT NOT NULL, -- of the order that was told
    doc         MEDIUMBLOB NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY idempotency_keys_at (at) -- the sweep
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
