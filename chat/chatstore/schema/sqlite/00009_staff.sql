-- +goose Up
-- Who is more than a customer; most users have no row.
CREATE TABLE IF NOT EXISTS staff (
    user_id TEXT NOT NULL,
    role    TEXT NOT NULL,
    PRIMARY KEY (user_id)
) WITHOUT ROWID;
