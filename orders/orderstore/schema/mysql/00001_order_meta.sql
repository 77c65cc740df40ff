-- +goose Up
-- One row: which life of the database this is. Who restores a backup sets another
-- epoch before the first node starts.
CREATE TABLE IF NOT EXISTS order_meta (
    id    TINYINT NOT NULL, -- 1
    epoch VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
