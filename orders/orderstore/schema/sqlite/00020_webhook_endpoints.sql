-- +goose Up
-- Where shops want to hear of their orders. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS webhook_endpoints (
    id            BLOB NOT NULL,
    shop          TEXT NOT NULL,
    slot          INTEGER NULL, -- 1 to as many as a shop may have; NULL once it is deleted
    url           TEXT NOT NULL,
    events        INTEGER NOT NULL, -- a bit for each type
    secret        BLOB NOT NULL, -- the key as it is: messages are signed with it
    state         INTEGER NOT NULL, -- 0 on, 1 disabled, 2 deleted: goes when its deliveries have gone
    failures      INTEGER NOT NULL, -- rounds of tries in a row that failed
    failing_since INTEGER NOT NULL,
    resume_at     INTEGER NOT NULL, -- no try before
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (id)
);
-- who gets a message; not more than there are slots
CREATE UNIQUE INDEX IF NOT EXISTS webhook_endpoints_slot ON webhook_endpoints (shop, slot);
