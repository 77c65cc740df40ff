-- +goose Up
-- The log. A message costs one row here and none elsewhere.
CREATE TABLE IF NOT EXISTS events (
    room_id    TEXT NOT NULL,
    seq        INTEGER NOT NULL, -- 1, 2, 3 … in each room, without a hole
    kind       TEXT NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL, -- the display name at that time
    client_id  TEXT NOT NULL, -- ASCII
    body_hash  BLOB NOT NULL, -- of what the client sent: the same id must mean the same
    target_seq INTEGER NOT NULL, -- the message that this is about or replies to, or 0
    message_no INTEGER NOT NULL, -- number of messages up to and including this event
    body       TEXT NOT NULL, -- JSON
    at         INTEGER NOT NULL,
    PRIMARY KEY (room_id, seq) -- history is one range read
);
-- sending again stores nothing twice
CREATE UNIQUE INDEX IF NOT EXISTS events_client ON events (room_id, actor_id, client_id);
