-- A row of this table is an event that has not been published yet.  Your application
-- inserts it in the transaction of the change it announces.  NOTIFY wakes the relay
-- when that transaction is committed.  What no stream could carry is refused here,
-- where your application is told.
CREATE TABLE outbox (
	id	bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	uid	text NOT NULL DEFAULT gen_random_uuid(),
	topic	text NOT NULL,
	event	text,
	data	text NOT NULL,
	refused	text,	-- by the log: its reason, written by the relay
	CONSTRAINT uid_is_visible_ascii_not_all_digits
	    CHECK (uid ~ '^[!-~]{1,128}$' AND uid ~ '[^0-9]'
	    AND uid NOT IN ('?', 'earliest')),
	CONSTRAINT topic_has_1_to_255_bytes_no_star_no_control
	    CHECK (octet_length(topic) BETWEEN 1 AND 255
	    AND topic !~ '[*[:cntrl:]]'),
	CONSTRAINT event_has_255_bytes_at_most_and_no_control
	    CHECK (octet_length(event) <= 255 AND event !~ '[[:cntrl:]]'),
	CONSTRAINT event_does_not_begin_with_stream
	    CHECK (event NOT LIKE 'stream-%' OR event = 'stream-end')
);

CREATE FUNCTION outbox_tell() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NOTIFY outbox; RETURN NULL; END';
CREATE TRIGGER outbox_tell AFTER INSERT OR UPDATE ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_tell();
