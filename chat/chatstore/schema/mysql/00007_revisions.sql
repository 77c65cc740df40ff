-- +goose Up
-- What happened to a message since it was posted; most messages have no row.
CREATE TABLE IF NOT EXISTS revisions (
    room_id   CHAR(26) NOT NULL,
    seq       BIGINT NOT NULL, -- of the message
    kind      VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- with text, of the last edit
    text      MEDIUMTEXT NOT NULL,
    edited_at BIGINT NOT NULL, -- 0: never
    deleted   TINYINT NOT NULL,
    pinned    TINYINT NOT NULL,
    reactions MEDIUMTEXT NOT NULL, -- JSON: who set which, in order
    edit_seqs TEXT NOT NULL, -- JSON: the events whose text goes when the message is deleted
    PRIMARY KEY (room_id, seq)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
