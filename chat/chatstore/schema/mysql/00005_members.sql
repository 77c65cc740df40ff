-- +goose Up
CREATE TABLE IF NOT EXISTS members (
    room_id         CHAR(26) NOT NULL,
    user_id         CHAR(26) NOT NULL,
    role            VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    read_seq        BIGINT NOT NULL,
    read_message_no BIGINT NOT NULL, -- message_no of the event read_seq: unread is last_message_no less this
    joined_at       BIGINT NOT NULL,
    PRIMARY KEY (room_id, user_id), -- is the sender a member; listing a room's members
    KEY members_user (user_id, room_id) -- listing a user's rooms
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
