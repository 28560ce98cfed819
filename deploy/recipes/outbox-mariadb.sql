-- A row of this table is an event that has not been published yet.  Your application
-- inserts it in the transaction of the change it announces.  What no stream could
-- carry is refused here, where your application is told.  MariaDB 10.2 or later,
-- MySQL 8.0.16 or later.
CREATE TABLE outbox (
	id	bigint AUTO_INCREMENT PRIMARY KEY,
	uid	varchar(128) NOT NULL DEFAULT (uuid()),
	topic	varchar(255) NOT NULL,
	event	varchar(255),
	data	longtext NOT NULL,
	refused	text,	-- by the log: its reason, written by the relay
	CONSTRAINT uid_is_visible_ascii_not_all_digits
	    CHECK (uid REGEXP '[^0-9]' AND uid NOT REGEXP '[^!-~]'
	    AND uid NOT IN ('?', 'earliest')),
	CONSTRAINT topic_has_1_to_255_bytes_no_star_no_control
	    CHECK (octet_length(topic) BETWEEN 1 AND 255
	    AND topic NOT REGEXP '[*[:cntrl:]]'),
	CONSTRAINT event_has_255_bytes_at_most_and_no_control
	    CHECK (octet_length(event) <= 255 AND event NOT REGEXP '[[:cntrl:]]'),
	CONSTRAINT event_does_not_begin_with_stream
	    CHECK (event NOT LIKE 'stream-%' OR event LIKE 'stream-end')
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
