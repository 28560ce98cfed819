/*
 * cuts.c - rows that were removed from the middle of the log.
 *
 * Whose place lies before the oldest row is told that rows are gone (seek.c).
 * But rows of one topic may go while older rows of other topics stay: somebody
 * deletes a run, or prunes or folds it.  So the log notes, by triggers, up to
 * which id rows of a topic are gone.  That is a cut.  A client of the topic
 * that comes back from before the cut is told so, and clients of other topics
 * are not.
 *
 * General retention removes the oldest rows.  Each of them is the oldest when
 * it goes, so it makes no cut, and it takes the cuts with it that are not
 * after it: they say nothing that the oldest row does not say.
 *
 * Whoever folds a run sets folded, and id to that of the row which has all the
 * text now: a client that has some of the pieces has to know before it gets
 * that row.
 *
 * Cuts are numbered as they are made, in made, so a stream that knows of some
 * finds those that are newer.  Triggers on the table itself do that, whoever
 * writes to it.
 */
#include "store/sqlite/keep/schema.h"
#include "store/sqlite/sqlite.h"

/* --- the notes ---------------------------------------------------------- */

static const char cut_table[] =
    "CREATE TABLE IF NOT EXISTS largesse_cuts (\n"
    "  topic  TEXT PRIMARY KEY,\n"
    "  id     INTEGER NOT NULL,\n"
    "  folded INTEGER NOT NULL DEFAULT 0,\n"
    "  made   INTEGER NOT NULL DEFAULT 0\n"
    ") WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS largesse_cuts_id ON largesse_cuts(id);"
    "CREATE INDEX IF NOT EXISTS largesse_cuts_made ON largesse_cuts(made);"
    "INSERT OR IGNORE INTO largesse(key, value) VALUES('cuts', 0);";

#define HAS_OLDER "EXISTS (SELECT 1 FROM events WHERE id < OLD.id)"
#define NUMBER_IT                                                    \
	" UPDATE largesse SET value = value + 1 WHERE key = 'cuts';" \
	" UPDATE largesse_cuts SET made = coalesce("                 \
	"(SELECT value FROM largesse WHERE key = 'cuts'), 0)"        \
	"  WHERE topic = NEW.topic; END"

static const struct {
	const char *name, *sql;
} triggers[] = {
    {"largesse_cut_delete",
	"CREATE TRIGGER largesse_cut_delete AFTER DELETE ON events"
	" WHEN " HAS_OLDER
	" OR EXISTS (SELECT 1 FROM largesse_cuts WHERE id <= OLD.id) BEGIN"
	" INSERT INTO largesse_cuts(topic, id)"
	"  SELECT OLD.topic, OLD.id WHERE " HAS_OLDER
	"  ON CONFLICT(topic) DO UPDATE"
	"  SET id = max(id, excluded.id), folded = 0;"
	" DELETE FROM largesse_cuts WHERE id <="
	"  CASE WHEN " HAS_OLDER " THEN 0 ELSE OLD.id END; END"},

    {"largesse_cut_insert",
	"CREATE TRIGGER largesse_cut_insert AFTER INSERT ON largesse_cuts"
	" BEGIN" NUMBER_IT},

    {"largesse_cut_update", "CREATE TRIGGER largesse_cut_update"
			    " AFTER UPDATE OF id, folded ON largesse_cuts"
			    " BEGIN" NUMBER_IT},
};

int
cuts_set_triggers(sqlite3 *db)
{
	size_t i;

	if (sql_run(db, cut_table) == -1)
		return -1;
	for (i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
		if (schema_set_trigger(db, triggers[i].name, triggers[i].sql) ==
		    -1)
			return -1;
	return 0;
}

const char *
cuts_trigger(size_t i)
{
	return i < sizeof(triggers) / sizeof(triggers[0]) ? triggers[i].name
							  : NULL;
}
