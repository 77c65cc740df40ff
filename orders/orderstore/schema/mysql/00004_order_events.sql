-- +goose Up
-- The logs of customers, and the histories of orders.
CREATE TABLE IF NOT EXISTS order_events (
    customer_id VARBINARY(64) NOT NULL,
    seq         BIGINT NOT NULL, -- 1, 2, 3 … for each customer, without a hole
    order_id    BINARY(16) NOT NULL,
    version     BIGINT NOT NULL, -- 1, 2, 3 … for each order, without a hole
    id          VARBINARY(64) NOT NULL, -- random: tells after a lost COMMIT whose event this is
    number      VARBINARY(32) NOT NULL, -- of the order
    kind        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    from_status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    to_status   VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    actor_id    VARBINARY(64) NOT NULL,
    actor_name  VARCHAR(255) NOT NULL, -- the name at that time
    actor_role  VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reason      VARCHAR(255) NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (customer_id, seq), -- clustered: a customer's log is one range read
    UNIQUE KEY order_events_order (order_id, version) -- an order's history
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
