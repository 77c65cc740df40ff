-- +goose Up
CREATE TABLE IF NOT EXISTS sessions (
    id         CHAR(26) NOT NULL,
    user_id    CHAR(26) NOT NULL,
    token_hash BINARY(32) NOT NULL, -- SHA-256; the token itself is nowhere
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    client     VARCHAR(512) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY sessions_token (token_hash), -- every request looks its session up
    KEY sessions_user (user_id), -- the user's own list; a new password ends them
    KEY sessions_expires (expires_at) -- the sweep
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
