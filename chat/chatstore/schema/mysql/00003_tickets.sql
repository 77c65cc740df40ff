-- +goose Up
CREATE TABLE IF NOT EXISTS tickets (
    hash       BINARY(32) NOT NULL,
    session_id CHAR(26) NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash),
    KEY tickets_expires (expires_at) -- the sweep
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
