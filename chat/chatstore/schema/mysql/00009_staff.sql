-- +goose Up
-- Who is more than a customer; most users have no row.
CREATE TABLE IF NOT EXISTS staff (
    user_id CHAR(26) NOT NULL,
    role    VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (user_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
