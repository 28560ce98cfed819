-- A row of this table is an event that has not been published yet.  Your application
-- inserts it in the transaction of the change it announces.  MariaDB 10.2 or later,
-- MySQL 8.0.13 or later.
CREATE TABLE outbox (
	id	bigint AUTO_INCREMENT PRIMARY KEY,
	uid	varchar(64) NOT NULL DEFAULT (uuid()),
	topic	varchar(255) NOT NULL,
	event	varchar(255),
	data	longtext NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
