-- A row of this table is an event that has not been published yet.  Your application
-- inserts it in the transaction of the change it announces.  NOTIFY wakes the relay
-- when that transaction is committed.
CREATE TABLE outbox (
	id	bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	uid	text NOT NULL DEFAULT gen_random_uuid(),
	topic	text NOT NULL,
	event	text,
	data	text NOT NULL
);

CREATE FUNCTION outbox_tell() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NOTIFY outbox; RETURN NULL; END';
CREATE TRIGGER outbox_tell AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_tell();
