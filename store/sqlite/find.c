/*
 * find.c - does the id or uid that a client comes back with still stand for
 * one place in this log?
 *
 * A number with its check (id.c) names a row.  That row is looked at: if it has
 * another time, it is another event.  A publisher may have chosen the same text
 * as a uid.  So it is looked for as a uid, too, before anything is said.
 *
 * A number alone does not say which life of the log it is from, and a uid does
 * not say which row had it.  So the log takes notes, by triggers.  It notes the
 * newest id that was ever removed, and when that was.  It also notes which uids
 * left their place, by DELETE, UPDATE or REPLACE.  A uid that was given again
 * since stands for two places, and no reader can tell which one is meant.
 *
 * Each of these looks is one read by an index.
 *
 * A trigger runs with the settings of whoever writes, and with the conflict
 * clause of the statement that fires it.  Within an INSERT OR IGNORE an INSERT
 * OR REPLACE of a trigger would ignore, too.  ON CONFLICT is not overruled.
 */
#include "store/clock.h"
#include "store/sqlite/keep/schema.h"
#include "store/sqlite/sqlite.h"

/* --- the notes ---------------------------------------------------------- */

/*
 * A row notes a uid and the id of an event that had it.  If another event has
 * the uid now, the uid has moved; no event has the id 0.  present = 1: an event
 * has the uid again, and the note is kept as long as that event.  present = 0:
 * the note is forgotten when the events up to its id are removed.
 */
static const char uid_table[] =
    "CREATE TABLE IF NOT EXISTS largesse_uids (\n"
    "  uid     TEXT PRIMARY KEY,\n"
    "  id      INTEGER NOT NULL,\n"
    "  present INTEGER NOT NULL\n"
    ") WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS largesse_uids_gone ON largesse_uids(id)"
    " WHERE present = 0;"
    "INSERT OR IGNORE INTO largesse(key, value) VALUES('pruned-time', 0);";

static const struct {
	const char *name, *sql;
} triggers[] = {
    {"largesse_pruned",
	"CREATE TRIGGER largesse_pruned AFTER DELETE ON events BEGIN"
	" UPDATE largesse SET value = " SCHEMA_NOW_MS
	"  WHERE key = 'pruned-time' AND"
	"  (SELECT value FROM largesse WHERE key = 'pruned') < OLD.id;"
	" UPDATE largesse SET value = OLD.id"
	"  WHERE key = 'pruned' AND value < OLD.id; END"},

    /*
     * REPLACE runs no trigger for the row that it removes.  Whether a row is
     * added is not known yet, and need not be.
     */
    {"largesse_uid_insert",
	"CREATE TRIGGER largesse_uid_insert BEFORE INSERT ON events"
	" WHEN NEW.uid IS NOT NULL BEGIN"
	" INSERT INTO largesse_uids SELECT uid, id, 1 FROM events"
	"  WHERE uid = NEW.uid ON CONFLICT(uid) DO NOTHING;"
	" UPDATE largesse_uids SET present = 1"
	"  WHERE uid = NEW.uid AND present = 0; END"},

    /*
     * Retention removes the oldest events.  Of their uids only the last one
     * is kept, and those that an event has again.
     */
    {"largesse_uid_delete",
	"CREATE TRIGGER largesse_uid_delete AFTER DELETE ON events"
	" WHEN OLD.uid IS NOT NULL BEGIN"
	" INSERT INTO largesse_uids VALUES(OLD.uid, OLD.id, 0)"
	"  ON CONFLICT(uid) DO UPDATE SET id = excluded.id, present = 0;"
	" UPDATE largesse_uids SET present = 1"
	"  WHERE present = 0 AND id < OLD.id AND"
	"  EXISTS (SELECT 1 FROM events WHERE uid = largesse_uids.uid)"
	"  AND NOT EXISTS (SELECT 1 FROM events WHERE id < OLD.id);"
	" DELETE FROM largesse_uids WHERE present = 0 AND id < OLD.id AND"
	"  NOT EXISTS (SELECT 1 FROM events WHERE id < OLD.id); END"},

    {"largesse_uid_update",
	"CREATE TRIGGER largesse_uid_update AFTER UPDATE OF id, uid ON events"
	" WHEN NEW.uid IS NOT OLD.uid OR NEW.id <> OLD.id BEGIN"
	" INSERT INTO largesse_uids SELECT OLD.uid, OLD.id, 0"
	"  WHERE OLD.uid IS NOT NULL"
	"  ON CONFLICT(uid) DO UPDATE SET id = excluded.id, present = 0;"
	" INSERT INTO largesse_uids SELECT NEW.uid, 0, 1"
	"  WHERE NEW.uid IS NOT NULL"
	"  ON CONFLICT(uid) DO UPDATE SET id = 0, present = 1; END"},
};

int
find_set_triggers(sqlite3 *db)
{
	size_t i;

	if (sql_run(db, uid_table) == -1)
		return -1;
	for (i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
		if (schema_set_trigger(db, triggers[i].name, triggers[i].sql) ==
		    -1)
			return -1;
	return 0;
}

const char *
find_trigger(size_t i)
{
	return i < sizeof(triggers) / sizeof(triggers[0]) ? triggers[i].name
							  : NULL;
}

/* --- for readers -------------------------------------------------------- */

static const struct store_text no_text = {NULL, 0};

/*
 * A number that is asked for so seldom that its statement is not kept, and of
 * a table that many logs lack.  none: there is no such row.
 */
static int64_t
ask_number(struct sqlite *sq, const char *sql, struct store_text text,
    int64_t id, int64_t none)
{
	sqlite3_stmt *st = NULL;
	int64_t n = none;
	int rc = sqlite3_prepare_v2(sq->db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		sqlite_bind_text(st, 1, text);
		sqlite3_bind_int64(st, 2, id); /* if it asks for one */
		n = sqlite_number(sq, st, none);
	} else if (rc != SQLITE_ERROR) /* which says that there is no table */
		sqlite_note(sq, rc);
	sqlite3_finalize(st);
	return n;
}

/* --- rows --------------------------------------------------------------- */

/* The last answer is kept, since many clients begin at the head. */
enum row
sqlite_row_at(struct sqlite *sq, int64_t place, int64_t *id, int64_t *time_ms)
{
	sqlite3_stmt *st = sq->st[ST_TIME_AT], *before = sq->st[ST_BEFORE];
	struct row_memo *memo = &sq->row;
	int rc = SQLITE_ROW;

	if (memo->version == 0 || memo->version != sq->self.version ||
	    memo->place != place) {
		sqlite3_bind_int64(st, 1, place);
		rc = sqlite_step(sq, st);
		if (rc == SQLITE_ROW)
			*memo = (struct row_memo){sq->self.version, place,
			    sqlite3_column_int64(st, 0),
			    sqlite3_column_int64(st, 2)};
		sqlite3_reset(st);
	}
	if ((rc & 0xff) == SQLITE_TOOBIG) {
		sqlite3_bind_int64(before, 1, place);
		*id = sqlite_number(sq, before, 0);
		return ROW_LARGE;
	}
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? ROW_NONE : ROW_FAILED;
	*id = memo->id;
	*time_ms = memo->time_ms;
	return ROW_FOUND;
}

bool
sqlite_place(struct store *store, struct store_id *id, int64_t *time_ms)
{
	struct sqlite *sq = sqlite_of(store);
	int64_t at, time;
	bool found;

	if (id->hi != 0 || id->lo > INT64_MAX || sqlite_enter(sq) != STORE_OK)
		return false;
	found = sqlite_row_at(sq, (int64_t)id->lo, &at, &time) == ROW_FOUND &&
		at > 0;
	sqlite_leave(sq);
	if (found) {
		id->lo = (uint64_t)at;
		*time_ms = time;
	}
	return found;
}

/* --- ids ---------------------------------------------------------------- */

/*
 * Was the sequence set back after the newest row that was ever removed?  Then
 * an id up to that one may have been another row's before, and the row of
 * today was written after the removal.  A time that lies ahead says nothing.
 */
static bool
is_of_another_life(struct sqlite *sq, int64_t id)
{
	int64_t removed_ms, time_ms = 0, at;

	if (id > sq->pruned || sq->pruned == INT64_MAX)
		return false;
	removed_ms = sqlite_number(sq, sq->st[ST_REMOVED], 0);
	return removed_ms > 0 &&
	       sqlite_row_at(sq, id, &at, &time_ms) == ROW_FOUND &&
	       time_ms > removed_ms &&
	       time_ms <= clock_wall_ms() + SCHEMA_AHEAD_MS;
}

/* The place of a number of which nothing else is known. */
static enum store_result
find_number(
    struct sqlite *sq, struct store_id want, int64_t oldest, int64_t *id)
{
	*id = sqlite_head(sq);
	if (want.hi != 0 || want.lo > (uint64_t)*id)
		return STORE_UNKNOWN;
	/* Ids may skip, so a gap below the oldest event need not be a loss. */
	if ((int64_t)want.lo < oldest && (int64_t)want.lo < sq->pruned) {
		*id = oldest;
		return STORE_GONE;
	}
	if (is_of_another_life(sq, (int64_t)want.lo))
		return STORE_UNKNOWN;
	*id = (int64_t)want.lo;
	return STORE_OK;
}

/*
 * Is there the row that the check was made of?  A row that is too large had no
 * check; if it is asked for with one it is believed.  ROW_NONE: it is not
 * there; other says that another is.
 */
static enum row
find_row(struct sqlite *sq, const struct store_seek *seek, bool *other)
{
	int64_t at = 0, time_ms = 0;
	enum row row;

	*other = false;
	if (seek->id.hi != 0 || seek->id.lo > INT64_MAX)
		return ROW_NONE;
	row = sqlite_row_at(sq, (int64_t)seek->id.lo, &at, &time_ms);
	if (row == ROW_FAILED)
		return row;
	if (row == ROW_NONE || at != (int64_t)seek->id.lo)
		return ROW_NONE;
	*other = row == ROW_FOUND &&
		 store_id_check(seek->id, time_ms) != seek->check;
	return *other ? ROW_NONE : row;
}

/* --- uids --------------------------------------------------------------- */

/* Did the uid stand elsewhere before it was given to the row of this id? */
static bool
has_moved(struct sqlite *sq, struct store_text uid, int64_t id)
{
	return ask_number(sq,
		   "SELECT id <> ?2 FROM largesse_uids WHERE uid = ?1", uid, id,
		   0) != 0;
}

/* Is noted that an event had the uid?  No event has it now. */
static bool
was_uid(struct sqlite *sq, struct store_text uid)
{
	return ask_number(sq, "SELECT 1 FROM largesse_uids WHERE uid = ?1", uid,
		   0, 0) != 0;
}

static bool
looks_like_redis(struct store_text uid)
{
	struct store_id was = {0, 0};

	return store_id_parse(&store_dashed, uid.s, uid.len, &was) &&
	       was.hi != 0;
}

/*
 * A log that was copied from Redis has ids of Redis in the place of uids.  They
 * are no secret, and a stream may have begun at one of any topic.
 */
static bool
is_id_of_redis(struct sqlite *sq, struct store_text uid)
{
	return looks_like_redis(uid) &&
	       ask_number(sq, "SELECT 1 FROM largesse WHERE key = 'copied'",
		   no_text, 0, 0) != 0;
}

/* Where an id of Redis that is no uid lies in such a log; -1: nowhere. */
static int64_t
place_of_redis(struct sqlite *sq, struct store_text uid)
{
	return looks_like_redis(uid)
		   ? ask_number(sq,
			 "SELECT id FROM largesse_moved WHERE was = ?1", uid, 0,
			 -1)
		   : -1;
}

/*
 * Is the event with this id of none of the topics?  Whoever may not have it
 * learns nothing of it, not even that it is there.
 */
static bool
is_foreign(struct sqlite *sq, const struct store_seek *seek, int64_t id)
{
	sqlite3_stmt *st = sq->st[ST_ROW];
	struct store_text topic;
	bool match = false;

	sqlite3_bind_int64(st, 1, id);
	if (sqlite_step(sq, st) == SQLITE_ROW) {
		topic = sqlite_text(st, COL_TOPIC);
		match = store_topic_match(
		    seek->topics, seek->n, topic.s, topic.len);
	}
	sqlite3_reset(st);
	return !match && !is_id_of_redis(sq, seek->uid);
}

/* What the log knows of a uid. */
enum uid {
	UID_NONE,    /* that any event had it */
	UID_FOREIGN, /* an event of other topics has it: as UID_NONE */
	UID_LOST,    /* its event was removed, or it stands for two places */
	UID_FOUND
};

static enum uid
look_for_uid(struct sqlite *sq, const struct store_seek *seek, int64_t *id)
{
	sqlite3_stmt *st = sq->st[ST_UID];
	int64_t at;

	sqlite_bind_text(st, 1, seek->uid);
	at = sqlite_number(sq, st, INT64_MIN);
	if (at == INT64_MIN)
		return was_uid(sq, seek->uid) ? UID_LOST : UID_NONE;
	if (has_moved(sq, seek->uid, at))
		return UID_LOST;
	if (is_foreign(sq, seek, at))
		return UID_FOREIGN;
	*id = at;
	return UID_FOUND;
}

enum store_result
sqlite_find_uid(struct sqlite *sq, const struct store_seek *seek,
    int64_t oldest, int64_t *id)
{
	enum uid uid = look_for_uid(sq, seek, id);

	if (uid == UID_FOUND)
		return STORE_OK;
	*id = uid == UID_FOREIGN ? -1 : place_of_redis(sq, seek->uid);
	if (*id != -1)
		return find_number(
		    sq, (struct store_id){0, (uint64_t)*id}, oldest, id);
	*id = sqlite_head(sq);
	return STORE_UNKNOWN;
}

/* --- a number with its check -------------------------------------------- */

/*
 * If there is neither its row nor an event with that uid, the row was removed,
 * or is of another life: the ids that were ever removed in this one are up to
 * pruned.
 */
static enum store_result
find_missing(struct sqlite *sq, const struct store_seek *seek, int64_t oldest,
    int64_t *id)
{
	if (seek->id.lo <= INT64_MAX && (int64_t)seek->id.lo <= sq->pruned)
		return find_number(sq, seek->id, oldest, id);
	*id = sqlite_head(sq);
	return STORE_UNKNOWN;
}

/*
 * The text may name a row, or an event by its uid.  If it names two events that
 * the client may have seen, nobody can tell which it has seen.
 */
static enum store_result
find_checked(struct sqlite *sq, const struct store_seek *seek, int64_t oldest,
    int64_t *id)
{
	bool other;
	enum row row = find_row(sq, seek, &other);
	bool is_row = row == ROW_FOUND || row == ROW_LARGE;
	enum uid uid;
	int64_t at = 0;

	if (row == ROW_FAILED)
		return sqlite_trouble(sq);
	uid = look_for_uid(sq, seek, &at);
	if (uid == UID_FOUND && (!is_row || (uint64_t)at == seek->id.lo)) {
		*id = at;
		return STORE_OK;
	}
	if (uid != UID_FOUND && is_row) {
		*id = (int64_t)seek->id.lo;
		return STORE_OK;
	}
	if ((uid == UID_NONE || uid == UID_FOREIGN) && !other)
		return find_missing(sq, seek, oldest, id);
	*id = sqlite_head(sq);
	return STORE_UNKNOWN;
}

enum store_result
sqlite_find_id(struct sqlite *sq, const struct store_seek *seek, int64_t oldest,
    int64_t *id)
{
	return seek->check != 0 ? find_checked(sq, seek, oldest, id)
				: find_number(sq, seek->id, oldest, id);
}
