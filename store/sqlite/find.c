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
 * left their place, by DELETE, UPDATE or REPLACE, and of which topic they were.
 * A uid that was given again since stands for two places, and no reader can
 * tell which one is meant.
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
 * A row notes a uid, the topic of an event that had it, and the id of that
 * event.  If another event has the uid now, the uid has moved; no event has the
 * id 0.  present = 1: an event has the uid again, and the note is kept as long
 * as that event.  present = 0: the note is forgotten when the events up to its
 * id are removed.
 *
 * Of a uid only those are told that may have had it: who asks for the topic.
 * Logs that are older have notes without a topic, which are told to all.  When
 * such a log is made again, NO_TOPIC stands for it: the topic of an event is a
 * text.
 */
#define NO_TOPIC "x''"

static const char uid_table[] =
    "CREATE TABLE IF NOT EXISTS largesse_uids (\n"
    "  uid     TEXT NOT NULL,\n"
    "  topic   TEXT NOT NULL,\n"
    "  id      INTEGER NOT NULL,\n"
    "  present INTEGER NOT NULL,\n"
    "  PRIMARY KEY (uid, topic)\n"
    ") WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS largesse_uids_gone ON largesse_uids(id)"
    " WHERE present = 0;"
    "INSERT OR IGNORE INTO largesse(key, value) VALUES('pruned-time', 0);";

/* No ALTER TABLE, which fails where any view of the database is broken. */
static const char uids_put_aside[] =
    "CREATE TABLE largesse_uids_old AS SELECT * FROM largesse_uids;"
    "DROP TABLE largesse_uids;";
static const char uids_put_back[] =
    "INSERT INTO largesse_uids SELECT uid, " NO_TOPIC ", id, present"
    " FROM largesse_uids_old;"
    "DROP TABLE largesse_uids_old;";

/*
 * While an older event is there no note is forgotten, and none is looked at:
 * whoever removes many from the middle would look at all notes for each.
 */
#define FORGET_BEFORE                                       \
	"CASE WHEN EXISTS (SELECT 1 FROM events WHERE id <" \
	" OLD.id) THEN 0 ELSE OLD.id END"

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
	" INSERT INTO largesse_uids SELECT uid, topic, id, 1 FROM events"
	"  WHERE uid = NEW.uid ON CONFLICT(uid, topic) DO NOTHING;"
	" UPDATE largesse_uids SET present = 1"
	"  WHERE uid = NEW.uid AND present = 0; END"},

    /*
     * Retention removes the oldest events.  Of their uids only the last one
     * is kept, and those that an event has again.
     */
    {"largesse_uid_delete",
	"CREATE TRIGGER largesse_uid_delete AFTER DELETE ON events"
	" WHEN OLD.uid IS NOT NULL BEGIN"
	" UPDATE largesse_uids SET id = OLD.id, present = 0"
	"  WHERE uid = OLD.uid;"
	" INSERT INTO largesse_uids VALUES(OLD.uid, OLD.topic, OLD.id, 0)"
	"  ON CONFLICT(uid, topic) DO NOTHING;"
	" UPDATE largesse_uids SET present = 1"
	"  WHERE present = 0 AND id < " FORGET_BEFORE " AND"
	"  EXISTS (SELECT 1 FROM events WHERE uid = largesse_uids.uid);"
	" DELETE FROM largesse_uids"
	"  WHERE present = 0 AND id < " FORGET_BEFORE "; END"},

    {"largesse_uid_update",
	"CREATE TRIGGER largesse_uid_update AFTER UPDATE OF id, uid ON events"
	" WHEN NEW.uid IS NOT OLD.uid OR NEW.id <> OLD.id BEGIN"
	" UPDATE largesse_uids SET id = OLD.id, present = 0"
	"  WHERE uid = OLD.uid;"
	" INSERT INTO largesse_uids SELECT OLD.uid, OLD.topic, OLD.id, 0"
	"  WHERE OLD.uid IS NOT NULL ON CONFLICT(uid, topic) DO NOTHING;"
	" UPDATE largesse_uids SET id = 0, present = 1 WHERE uid = NEW.uid;"
	" INSERT INTO largesse_uids SELECT NEW.uid, NEW.topic, 0, 1"
	"  WHERE NEW.uid IS NOT NULL"
	"  ON CONFLICT(uid, topic) DO NOTHING; END"},
};

/* Makes it, or gives it the topic that an older log does not note. */
static int
make_uid_table(sqlite3 *db)
{
	int64_t n;
	int old = sql_number(db, &n,
	    "SELECT 1 FROM sqlite_schema WHERE name = 'largesse_uids'"
	    " AND NOT EXISTS (SELECT 1 FROM pragma_table_info('largesse_uids')"
	    "  WHERE name = 'topic')");

	if (old == -1 || (old == 1 && sql_run(db, uids_put_aside) == -1) ||
	    sql_run(db, uid_table) == -1)
		return -1;
	return old == 1 ? sql_run(db, uids_put_back) : 0;
}

int
find_set_triggers(sqlite3 *db)
{
	size_t i;

	if (make_uid_table(db) == -1)
		return -1;
	for (i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
		if (schema_set_trigger(db, triggers[i].name, triggers[i].sql) ==
		    -1)
			return -1;
	return cuts_set_triggers(db);
}

const char *
find_trigger(size_t i)
{
	size_t n = sizeof(triggers) / sizeof(triggers[0]);

	return i < n ? triggers[i].name : cuts_trigger(i - n);
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
		at > 0 && !sqlite_is_torn(sq, true);
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

/*
 * The place of a number of which nothing else is known.  A number of our own,
 * that of a stream that reads on, is of this life of the log.
 */
static enum store_result
find_number(struct sqlite *sq, struct store_id want, bool named, int64_t oldest,
    int64_t *id)
{
	uint64_t given = sq->seq > 0 ? (uint64_t)sq->seq : 0;
	int64_t head = sqlite_head(sq);

	*id = head;
	if (want.hi != 0 || want.lo > given)
		return STORE_UNKNOWN;
	/* Ids may skip, so a gap below the oldest event need not be a loss. */
	if ((int64_t)want.lo < oldest && (int64_t)want.lo < sq->pruned) {
		*id = oldest;
		return STORE_GONE;
	}
	if (named && is_of_another_life(sq, (int64_t)want.lo))
		return STORE_UNKNOWN;
	if ((int64_t)want.lo < head)
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

/* What of an event's uid was noted; see uid_table. */
static sqlite3_stmt *
ask_notes(struct sqlite *sq, struct store_text uid)
{
	static const char *const sql[] = {
	    "SELECT topic, id FROM largesse_uids WHERE uid = ?1",
	    "SELECT " NO_TOPIC ", id FROM largesse_uids WHERE uid = ?1"};
	sqlite3_stmt *st = NULL;
	int rc, i;

	for (i = 0; i < 2; i++) {
		rc = sqlite3_prepare_v2(sq->db, sql[i], -1, &st, NULL);
		if (rc != SQLITE_ERROR) /* there is no such table, or column */
			break;
	}
	if (rc == SQLITE_OK)
		sqlite_bind_text(st, 1, uid);
	else if (rc != SQLITE_ERROR)
		sqlite_note(sq, rc);
	return st;
}

/*
 * Is noted that the uid was that of another event than this one?  Only a note
 * of a topic that the client asks for says so, unless it may have all.
 */
static bool
was_elsewhere(
    struct sqlite *sq, const struct store_seek *seek, int64_t id, bool all)
{
	sqlite3_stmt *st = ask_notes(sq, seek->uid);
	struct store_text topic;
	bool was = false, old;

	while (st != NULL && !was && sqlite_step(sq, st) == SQLITE_ROW) {
		old = sqlite3_column_type(st, 0) == SQLITE_BLOB;
		topic = sqlite_some_text(st, 0);
		was = sqlite3_column_int64(st, 1) != id &&
		      (all || (old && topic.len == 0) ||
			  store_topic_match(
			      seek->topics, seek->n, topic.s, topic.len));
	}
	sqlite3_finalize(st);
	return was;
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
	UID_FOREIGN, /* only events of other topics have or had it: as UID_NONE
		      */
	UID_LOST,    /* its event was removed, or it stands for two places */
	UID_FOUND
};

static enum uid
look_for_uid(struct sqlite *sq, const struct store_seek *seek, int64_t *id)
{
	sqlite3_stmt *st = sq->st[ST_UID];
	bool foreign;
	int64_t at;

	sqlite_bind_text(st, 1, seek->uid);
	at = sqlite_number(sq, st, INT64_MIN);
	if (at == INT64_MIN)
		return was_elsewhere(sq, seek, at, false) ? UID_LOST : UID_NONE;
	foreign = is_foreign(sq, seek, at);
	if (was_elsewhere(sq, seek, at, !foreign))
		return UID_LOST;
	if (foreign)
		return UID_FOREIGN;
	*id = at;
	return UID_FOUND;
}

/*
 * Where a row was that was folded away with its uid, and nobody has that uid
 * again.  The note of the uid knows its place; false if the topic is none of
 * those or if the uid was of two topics.
 */
static bool
was_folded(struct sqlite *sq, const struct store_seek *seek, int64_t *id)
{
	static const char sql[] =
	    "SELECT u.topic, u.id FROM largesse_uids AS u, largesse_cuts AS c"
	    " WHERE u.uid = ?1 AND u.present = 0 AND c.topic = u.topic"
	    " AND c.folded <> 0 AND c.id > u.id AND NOT EXISTS"
	    " (SELECT 1 FROM largesse_uids WHERE uid = ?1 AND topic <> "
	    "u.topic)";
	sqlite3_stmt *st = NULL;
	struct store_text topic;
	bool found = false;
	int rc = sqlite3_prepare_v2(sq->db, sql, -1, &st, NULL);

	if (rc != SQLITE_OK && rc != SQLITE_ERROR) /* no such table */
		sqlite_note(sq, rc);
	sqlite_bind_text(st, 1, seek->uid);
	if (rc == SQLITE_OK && sqlite_step(sq, st) == SQLITE_ROW) {
		topic = sqlite_some_text(st, 0);
		*id = sqlite3_column_int64(st, 1);
		found = *id > 0 && store_topic_match(seek->topics, seek->n,
				       topic.s, topic.len);
	}
	sqlite3_finalize(st);
	return found;
}

/* What came after that place is found as for any other (cuts.c). */
static enum store_result
find_folded(struct sqlite *sq, const struct store_seek *seek, int64_t oldest,
    int64_t *id)
{
	enum store_result r = find_number(
	    sq, (struct store_id){0, (uint64_t)*id}, seek->named, oldest, id);

	/* Nothing of its only topic is lost, whatever was removed. */
	if (r == STORE_GONE && seek->n == 1 && !seek->topics[0].prefix)
		r = STORE_OK;
	return r;
}

enum store_result
sqlite_find_uid(struct sqlite *sq, const struct store_seek *seek,
    int64_t oldest, int64_t *id)
{
	enum uid uid = look_for_uid(sq, seek, id);

	if (uid == UID_FOUND)
		return STORE_OK;
	if (uid == UID_LOST && was_folded(sq, seek, id))
		return find_folded(sq, seek, oldest, id);
	*id = uid == UID_FOREIGN ? -1 : place_of_redis(sq, seek->uid);
	if (*id != -1)
		return find_number(sq, (struct store_id){0, (uint64_t)*id},
		    seek->named, oldest, id);
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
		return find_number(sq, seek->id, true, oldest, id);
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
	return seek->check != 0
		   ? find_checked(sq, seek, oldest, id)
		   : find_number(sq, seek->id, seek->named, oldest, id);
}
