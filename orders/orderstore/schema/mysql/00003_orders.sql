-- +goose Up
-- An order as it is now. What a query asks for has columns; the whole is doc.
-- Times are microseconds since 1970; that of its making is in the id (UUIDv7).
CREATE TABLE IF NOT EXISTS orders (
    id          BINARY(16) NOT NULL,
    customer_id VARBINARY(64) NOT NULL,
    shop        VARBINARY(255) NOT NULL,
    number      VARBINARY(32) NOT NULL,
    status      VARBINARY(16) NOT NULL,
    version     BIGINT NOT NULL, -- number of its events
    doc         MEDIUMBLOB NOT NULL, -- JSON, as it is sent
    PRIMARY KEY (id), -- a look-up; all orders by age
    UNIQUE KEY orders_number (number, shop), -- one number per shop; finding by number
    KEY orders_customer (customer_id, id), -- lists by age, in each combination of filters
    KEY orders_customer_status (customer_id, status, id),
    KEY orders_status (status, id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
