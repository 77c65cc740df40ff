-- +goose Up
CREATE TABLE IF NOT EXISTS members (
    room_id         TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    role            TEXT NOT NULL,
    read_seq        INTEGER NOT NULL,
    read_message_no INTEGER NOT NULL, -- message_no of the event read_seq: unread is last_message_no less this
    joined_at       INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id) -- is the sender a member; listing a room's members
) WITHOUT ROWID;
-- listing a user's rooms
CREATE INDEX IF NOT EXISTS members_user ON members (user_id, room_id);
