-- +goose Up
-- What happened to a message since it was posted; most messages have no row.
CREATE TABLE IF NOT EXISTS revisions (
    room_id   TEXT NOT NULL,
    seq       INTEGER NOT NULL, -- of the message
    kind      TEXT NOT NULL, -- with text, of the last edit
    text      TEXT NOT NULL,
    edited_at INTEGER NOT NULL, -- 0: never
    deleted   INTEGER NOT NULL,
    pinned    INTEGER NOT NULL,
    reactions TEXT NOT NULL, -- JSON: who set which, in order
    edit_seqs TEXT NOT NULL, -- JSON: the events whose text goes when the message is deleted
    PRIMARY KEY (room_id, seq)
);
