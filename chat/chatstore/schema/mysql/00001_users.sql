-- +goose Up
-- Ids are 26 ASCII characters, times are microseconds since 1970, and all text
-- compares by bytes: who is equal to whom was decided before it came here. Ids
-- are not of the ascii character set, in which a client's "é" is an error.
CREATE TABLE IF NOT EXISTS users (
    id            CHAR(26) NOT NULL,
    name          VARCHAR(128) NULL, -- to sign in, normalised; guests have none
    display_name  VARCHAR(128) NOT NULL,
    password_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- empty for guests
    guest         TINYINT NOT NULL,
    disabled      TINYINT NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY users_name (name) -- signing in; two sign-ups at a time for one name
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
