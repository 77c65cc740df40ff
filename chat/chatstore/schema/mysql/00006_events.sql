-- +goose Up
-- The log. A message costs one row here and none elsewhere.
CREATE TABLE IF NOT EXISTS events (
    room_id    CHAR(26) NOT NULL,
    seq        BIGINT NOT NULL, -- 1, 2, 3 … in each room, without a hole
    kind       VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    actor_id   CHAR(26) NOT NULL,
    actor_name VARCHAR(128) NOT NULL, -- the display name at that time
    client_id  VARBINARY(64) NOT NULL, -- ASCII; binary, for a text column ignores spaces at the end
    body_hash  BINARY(32) NOT NULL, -- of what the client sent: the same id must mean the same
    target_seq BIGINT NOT NULL, -- the message that this is about or replies to, or 0
    message_no BIGINT NOT NULL, -- number of messages up to and including this event
    body       MEDIUMTEXT NOT NULL, -- JSON
    at         BIGINT NOT NULL,
    PRIMARY KEY (room_id, seq), -- clustered: history is one range read
    UNIQUE KEY events_client (room_id, actor_id, client_id) -- sending again stores nothing twice
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
