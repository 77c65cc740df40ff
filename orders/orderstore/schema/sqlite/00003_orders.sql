-- +goose Up
-- An order as it is now. What a query asks for has columns; the whole is doc.
-- Times are microseconds since 1970; that of its making is in the id (UUIDv7).
CREATE TABLE IF NOT EXISTS orders (
    id          BLOB NOT NULL PRIMARY KEY, -- a look-up; all orders by age
    customer_id TEXT NOT NULL,
    shop        TEXT NOT NULL,
    number      TEXT NOT NULL,
    status      TEXT NOT NULL,
    version     INTEGER NOT NULL, -- number of its events
    doc         BLOB NOT NULL -- JSON, as it is sent
);
-- one number per shop; finding by number
CREATE UNIQUE INDEX IF NOT EXISTS orders_number ON orders (number, shop);
-- lists by age, in each combination of filters
CREATE INDEX IF NOT EXISTS orders_customer ON orders (customer_id, id);
CREATE INDEX IF NOT EXISTS orders_customer_status ON orders (customer_id, status, id);
CREATE INDEX IF NOT EXISTS orders_status ON orders (status, id);
