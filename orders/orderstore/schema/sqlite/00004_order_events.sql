-- +goose Up
-- The logs of customers, and the histories of orders.
CREATE TABLE IF NOT EXISTS order_events (
    customer_id TEXT NOT NULL,
    seq         INTEGER NOT NULL, -- 1, 2, 3 … for each customer, without a hole
    order_id    BLOB NOT NULL,
    version     INTEGER NOT NULL, -- 1, 2, 3 … for each order, without a hole
    id          TEXT NOT NULL, -- random: tells after a lost COMMIT whose event this is
    number      TEXT NOT NULL, -- of the order
    kind        TEXT NOT NULL,
    from_status TEXT NOT NULL,
    to_status   TEXT NOT NULL,
    actor_id    TEXT NOT NULL,
    actor_name  TEXT NOT NULL, -- the name at that time
    actor_role  TEXT NOT NULL,
    reason      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (customer_id, seq) -- a customer's log is one range read
);
-- an order's history
CREATE UNIQUE INDEX IF NOT EXISTS order_events_order ON order_events (order_id, version);
