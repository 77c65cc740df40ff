-- +goose Up
-- A customer's row is locked by whoever changes an order of that customer. Names
-- and ids from elsewhere are binary, for a text column ignores spaces at the end.
CREATE TABLE IF NOT EXISTS order_logs (
    customer_id VARBINARY(64) NOT NULL,
    last_seq    BIGINT NOT NULL, -- number of events
    PRIMARY KEY (customer_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
