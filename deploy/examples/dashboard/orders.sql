-- orders.sql - a table that the shop has had for years.  It knows nothing of largesse.
CREATE TABLE orders(
  id      INTEGER PRIMARY KEY,
  item    TEXT NOT NULL,
  euros   REAL NOT NULL,
  status  TEXT NOT NULL DEFAULT 'new',		-- new, paid, sent, returned
  changed TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
