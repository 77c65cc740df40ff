-- +goose Up
-- What is to be told to each endpoint, and how that went. Rows are written in the
-- transaction of the event.
CREATE TABLE IF NOT EXISTS webhook_deliveries (
    endpoint_id BINARY(16) NOT NULL,
    id          BINARY(16) NOT NULL, -- of the message: the same for each endpoint
    type        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    state       TINYINT NOT NULL, -- 0 pending, 1 delivered, 2 failed
    due_at      BIGINT NOT NULL, -- when it may be claimed; 0 unless pending
    expires_at  BIGINT NOT NULL, -- pending: no try from then on; else when it is forgotten
    attempts    INT NOT NULL,
    claim       BIGINT NOT NULL, -- number of the last claim; grows for ever
    created_at  BIGINT NOT NULL,
    body        MEDIUMBLOB NOT NULL,
    last_at     BIGINT NOT NULL, -- the last try; 0 before the first
    last_ms     INT NOT NULL,
    last_code   INT NOT NULL,
    last_reason VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    last_answer VARCHAR(512) NOT NULL,
    PRIMARY KEY (endpoint_id, id), -- an endpoint's, by age
    KEY webhook_deliveries_due (endpoint_id, state, due_at), -- has it something due; claims
    KEY webhook_deliveries_expiry (state, expires_at) -- the sweep; how many are pending
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
