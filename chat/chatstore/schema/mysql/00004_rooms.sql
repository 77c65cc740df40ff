-- +goose Up
-- A room's row is locked by whoever numbers events of that room.
CREATE TABLE IF NOT EXISTS rooms (
    id              CHAR(26) NOT NULL,
    kind            VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name            VARCHAR(128) NOT NULL,
    public_name     VARCHAR(128) NULL, -- the name, of public rooms only
    direct_key      VARCHAR(128) NULL, -- the pair, of direct rooms only
    topic           VARCHAR(1000) NOT NULL,
    epoch           CHAR(26) NOT NULL,
    last_seq        BIGINT NOT NULL, -- number of events
    last_message_no BIGINT NOT NULL, -- number of messages among them
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY rooms_public_name (public_name), -- finding by name, listing by name, one room per name
    UNIQUE KEY rooms_direct_key (direct_key) -- one room per pair
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
