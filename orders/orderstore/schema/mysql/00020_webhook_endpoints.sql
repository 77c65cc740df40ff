-- +goose Up
-- Where shops want to hear of their orders. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS webhook_endpoints (
    id            BINARY(16) NOT NULL,
    shop          VARBINARY(255) NOT NULL,
    slot          TINYINT NULL, -- 1 to as many as a shop may have; NULL once it is deleted
    url           VARBINARY(2048) NOT NULL,
    events        INT NOT NULL, -- a bit for each type
    secret        VARBINARY(64) NOT NULL, -- the key as it is: messages are signed with it
    state         TINYINT NOT NULL, -- 0 on, 1 disabled, 2 deleted: goes when its deliveries have gone
    failures      INT NOT NULL, -- rounds of tries in a row that failed
    failing_since BIGINT NOT NULL,
    resume_at     BIGINT NOT NULL, -- no try before
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY webhook_endpoints_slot (shop, slot) -- who gets a message; not more than there are slots
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
