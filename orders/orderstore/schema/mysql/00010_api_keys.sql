-- +goose Up
-- What programs sign in with. Texts compare by bytes, times are microseconds since
-- 1970.
CREATE TABLE IF NOT EXISTS api_keys (
    id         CHAR(26) NOT NULL,
    token_hash BINARY(32) NOT NULL, -- SHA-256; the token itself is nowhere
    name       VARCHAR(64) NOT NULL,
    role       VARBINARY(16) NOT NULL,
    shop       VARBINARY(64) NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL, -- 0 while the key stands
    PRIMARY KEY (id),
    UNIQUE KEY api_keys_token (token_hash) -- who bears it
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
