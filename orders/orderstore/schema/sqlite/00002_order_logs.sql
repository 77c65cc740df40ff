-- +goose Up
-- A customer's row is counted on by whoever changes an order of that customer.
CREATE TABLE IF NOT EXISTS order_logs (
    customer_id TEXT NOT NULL PRIMARY KEY,
    last_seq    INTEGER NOT NULL -- number of events
);
