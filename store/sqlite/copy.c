/*
 * copy.c - a SQLite log as the copy of another log.
 *
 * A number stays what it was.  An event whose id was ms-seq, as Redis gives
 * them, gets a new number after all that were ever given.  It keeps the old id
 * as its uid, so a client that comes back with that finds its place.  If the
 * event has a uid of its own, the table largesse_moved has the old id instead;
 * it also has places at which there is no event.
 *
 * How far the copy has come is written in the transaction that copies, and
 * with it the sequence at that moment.  If the sequence is another later,
 * somebody else published here.
 */
#include <stdio.h>
#include <string.h>

#include "store/sqlite/sql.h"
#include "store/sqlite/sqlite.h"

struct target {
	struct sqlite *sq;
	int64_t seq, numbers;
	sqlite3_stmt *insert, *moved;
};

static int
set_id(sqlite3 *db, const char *key, struct store_id id)
{
	char text[STORE_ID_SIZE];

	store_id_print(&store_dashed, id, text);
	return sql_run(
	    db, "INSERT OR REPLACE INTO largesse VALUES(%Q, %Q)", key, text);
}

/* What is kept under this key; {0, 0} where there is nothing.  0 or -1. */
static int
get_id(sqlite3 *db, const char *key, struct store_id *id)
{
	char *text = NULL;
	int r = sql_text(
	    db, &text, "SELECT value FROM largesse WHERE key = %Q", key);

	*id = (struct store_id){0, 0};
	if (r == 1)
		store_id_parse(&store_dashed, text, strlen(text), id);
	sqlite3_free(text);
	return r < 0 ? -1 : 0;
}

static int
get_sequence(struct target *t)
{
	int64_t numbers = 0;

	t->seq = 0;
	if (sql_number(t->sq->db, &t->seq,
		"SELECT max(coalesce((SELECT seq FROM sqlite_sequence"
		" WHERE name = 'events'), 0),"
		" coalesce((SELECT max(id) FROM events), 0))") == -1 ||
	    sql_number(t->sq->db, &numbers,
		"SELECT value FROM largesse WHERE key = 'numbers'") == -1)
		return -1;
	t->numbers = numbers > t->seq ? numbers : t->seq;
	return 0;
}

static int
set_sequence(struct target *t, int64_t seq)
{
	sqlite3 *db = t->sq->db;

	if (sql_run(db,
		"UPDATE sqlite_sequence SET seq = %lld WHERE name = 'events'",
		seq) == -1 ||
	    (sqlite3_changes(db) == 0 &&
		sql_run(db,
		    "INSERT INTO sqlite_sequence VALUES('events', %lld)",
		    seq) == -1))
		return -1;
	t->seq = seq;
	if (t->numbers < seq)
		t->numbers = seq;
	return 0;
}

static int
remember_moved(struct target *t, struct store_id was, int64_t id, bool event)
{
	char text[STORE_ID_SIZE];

	store_id_print(&store_dashed, was, text);
	return sql_run(t->sq->db,
	    "INSERT OR REPLACE INTO largesse_moved VALUES(%Q, %lld, %d)", text,
	    id, event);
}

/* The place in the other log up to which this has all.  0 or -1. */
static int
get_place(struct target *t, struct store_id *id)
{
	int64_t then = -1;

	if (get_id(t->sq->db, "copied", id) == -1 ||
	    sql_number(t->sq->db, &then,
		"SELECT value FROM largesse WHERE key = 'copied-seq'") == -1)
		return -1;
	if (then != t->seq)
		*id = (struct store_id){0, (uint64_t)t->seq};
	return 0;
}

static int
set_place(struct target *t, struct store_id id)
{
	return set_id(t->sq->db, "copied", id) == 0
		   ? sql_run(t->sq->db,
			 "INSERT OR REPLACE INTO largesse"
			 " VALUES('copied-seq', %lld)",
			 t->seq)
		   : -1;
}

/* --- beginning ---------------------------------------------------------- */

/* What came before base is gone in the other log, so it is gone in this. */
static int
begin_at(struct target *t, const struct store_origin *from)
{
	struct store_id base = from->base;
	int64_t n = base.hi == 0 ? (int64_t)base.lo : t->numbers;

	if (base.hi == 0 && base.lo == 0)
		return 0;
	if (n > t->seq && set_sequence(t, n) == -1)
		return -1;
	if (base.hi != 0 && remember_moved(t, base, n, false) == -1)
		return -1;
	if (sql_run(t->sq->db,
		"UPDATE largesse SET value = %lld"
		" WHERE key = 'pruned' AND value < %lld",
		n, n) == -1)
		return -1;
	return set_place(t, base);
}

/* Takes the log id of the other.  STORE_REFUSED if this log has events. */
static enum store_result
take_name(struct target *t, const struct store_origin *from)
{
	struct sqlite *sq = t->sq;
	char *log_id = NULL;
	enum store_result r = STORE_OK;

	if (sql_text(sq->db, &log_id,
		"SELECT value FROM largesse WHERE key = 'log'") == -1)
		return sqlite_write_trouble(sq);
	if (log_id == NULL || strcmp(log_id, from->log_id) != 0) {
		if (t->seq > 0) {
			store_set_why(&sq->base,
			    "%s: has events of another log: copy into a new "
			    "one",
			    sq->path);
			r = STORE_REFUSED;
		} else if (sql_run(sq->db,
			       "UPDATE largesse SET value = %Q"
			       " WHERE key = 'log'",
			       from->log_id) == -1)
			r = sqlite_write_trouble(sq);
	}
	sqlite3_free(log_id);
	return r;
}

static enum store_result
begin_copy(struct target *t, const struct store_origin *from,
    struct store_copied *done)
{
	sqlite3 *db = t->sq->db;
	enum store_result r;
	int64_t any = 0;

	if (sql_run(db, "CREATE TABLE IF NOT EXISTS largesse_moved ("
			"was TEXT PRIMARY KEY, id INTEGER NOT NULL,"
			" event INTEGER NOT NULL) WITHOUT ROWID") == -1 ||
	    get_sequence(t) == -1 ||
	    sql_number(db, &any, "SELECT 1 FROM events LIMIT 1") == -1)
		return sqlite_write_trouble(t->sq);
	if ((r = take_name(t, from)) != STORE_OK)
		return r;
	if (t->numbers < (int64_t)from->numbers)
		t->numbers = (int64_t)from->numbers;
	if (sql_run(db,
		"INSERT OR REPLACE INTO largesse"
		" VALUES('numbers', %lld)",
		t->numbers) == -1 ||
	    get_place(t, &done->upto) == -1)
		return sqlite_write_trouble(t->sq);
	if (any == 0 && store_id_cmp(done->upto, from->base) < 0) {
		if (begin_at(t, from) == -1)
			return sqlite_write_trouble(t->sq);
		done->upto = from->base;
	}
	return get_id(db, "copied-revoked", &done->revoked) == 0
		   ? STORE_OK
		   : sqlite_write_trouble(t->sq);
}

/* The id that an event of ours had in the other log. */
static struct store_id
old_id(struct sqlite *sq, int64_t id, struct store_text uid)
{
	struct store_id was = {0, (uint64_t)id};
	char *text = NULL;

	if (uid.s != NULL &&
	    store_id_parse(&store_dashed, uid.s, uid.len, &was))
		return was;
	if (sql_text(sq->db, &text,
		"SELECT was FROM largesse_moved WHERE id = %lld AND event",
		id) == 1)
		store_id_parse(&store_dashed, text, strlen(text), &was);
	sqlite3_free(text);
	return was;
}

/* Shows the newest event there is. */
static int
show_newest(struct sqlite *sq, store_each *each, void *arg)
{
	sqlite3_stmt *st = NULL;
	struct store_event ev;
	int rc = sqlite3_prepare_v2(sq->db,
	    "SELECT " EVENT_COLUMNS " FROM events ORDER BY id DESC LIMIT 1", -1,
	    &st, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		ev = sqlite_event(sq, st);
		ev.id = old_id(sq, (int64_t)ev.id.lo, ev.uid);
		each(arg, &ev);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

static enum store_result
end_copy(struct sqlite *sq, enum store_result r)
{
	if (r == STORE_OK && sql_run(sq->db, "COMMIT") == -1)
		r = sqlite_write_trouble(sq);
	if (!sqlite3_get_autocommit(sq->db))
		sql_run(sq->db, "ROLLBACK");
	return r;
}

enum store_result
sqlite_copy_begin(struct store *store, const struct store_origin *from,
    struct store_copied *done, store_each *newest, void *arg)
{
	struct sqlite *sq = sqlite_of(store);
	struct target t = {.sq = sq};
	enum store_result r;

	if (sq->db == NULL || sql_run(sq->db, "BEGIN IMMEDIATE") == -1)
		return sqlite_trouble(sq);
	r = begin_copy(&t, from, done);
	if (r == STORE_OK && show_newest(sq, newest, arg) == -1)
		r = sqlite_write_trouble(sq);
	r = end_copy(sq, r);
	if (r == STORE_OK)
		snprintf(sq->base.log_id, sizeof(sq->base.log_id), "%s",
		    from->log_id);
	return r;
}

/* --- going on ----------------------------------------------------------- */

/* 1, or 0 when another event has this uid, or -1. */
static int
copy_row(struct target *t, const struct store_event *ev, int64_t id,
    struct store_text uid)
{
	struct store_event row = *ev;
	sqlite3_stmt *st = t->insert;

	row.uid = uid;
	sqlite3_bind_int64(st, 1, id);
	sqlite_bind_event(st, 2, &row, true, ev->time_ms);
	sqlite3_step(st);
	if (sqlite3_reset(st) != SQLITE_OK)
		return -1;
	return sqlite3_changes(t->sq->db);
}

/*
 * Redis does not check that a uid given to XADD by hand is new.  Here the
 * first event with it keeps it: a client that comes back with that uid is sent
 * some events twice rather than missing some.
 */
static int
copy_event(struct target *t, const struct store_event *ev)
{
	char was[STORE_ID_SIZE];
	struct store_text name = {NULL, 0};
	int64_t id = (int64_t)ev->id.lo;
	int r;

	if (ev->id.hi != 0) {
		/* After the last of all numbers comes one that no row has. */
		id = (int64_t)((uint64_t)t->numbers + 1);
		name.len = store_id_print(&store_dashed, ev->id, was);
		name.s = was;
	}
	r = copy_row(t, ev, id, ev->uid.s != NULL ? ev->uid : name);
	if (r == 0)
		r = copy_row(t, ev, id, name);
	else if (r == 1 && ev->uid.s != NULL && name.s != NULL &&
		 remember_moved(t, ev->id, id, true) == -1)
		r = -1;
	if (r == 1) {
		t->seq = id;
		if (t->numbers < id)
			t->numbers = id;
	}
	return r == 1 ? 0 : -1;
}

static int
copy_events(struct target *t, const struct store_copy *cp)
{
	size_t i;

	if (sqlite3_prepare_v2(t->sq->db,
		"INSERT INTO events(id, topic, event, data, uid, time)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING",
		-1, &t->insert, NULL) != SQLITE_OK)
		return -1;
	for (i = 0; i < cp->n; i++)
		if (copy_event(t, &cp->events[i]) == -1)
			return -1;
	return 0;
}

static int
revoke_all(struct target *t, const struct store_copy *cp)
{
	sqlite3_stmt *st = NULL;
	int rc = SQLITE_DONE;
	size_t i;

	if (cp->nrevoked == 0)
		return 0;
	if (sqlite3_prepare_v2(t->sq->db,
		"INSERT INTO largesse_revoke(topic, subject, time)"
		" VALUES(?1, ?2, ?3)",
		-1, &st, NULL) != SQLITE_OK)
		return -1;
	for (i = 0; rc == SQLITE_DONE && i < cp->nrevoked; i++) {
		sqlite_bind_text(st, 1, cp->revoked[i].topic);
		sqlite_bind_text(st, 2, cp->revoked[i].subject);
		sqlite3_bind_int64(st, 3, cp->revoked[i].time_ms);
		rc = sqlite3_step(st);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE
		   ? set_id(t->sq->db, "copied-revoked", cp->revoked_upto)
		   : -1;
}

/* The place up to which all was copied may be one without an event. */
static int
move_on(struct target *t, const struct store_copy *cp)
{
	struct store_id upto = cp->upto;

	if (cp->n > 0 && store_id_cmp(cp->events[cp->n - 1].id, upto) == 0)
		return set_place(t, upto);
	if (upto.hi == 0 && (int64_t)upto.lo > t->seq &&
	    set_sequence(t, (int64_t)upto.lo) == -1)
		return -1;
	if (upto.hi != 0 && store_id_cmp(cp->after, upto) != 0 &&
	    remember_moved(t, upto, t->seq, false) == -1)
		return -1;
	return set_place(t, upto);
}

/*
 * What was removed from the other log is so in this one.  An id that only Redis
 * gives is newer than all numbers.
 */
static int
note_removed(struct target *t, struct store_id removed)
{
	int64_t n = t->seq;

	if (removed.hi == 0 && removed.lo < (uint64_t)n)
		n = (int64_t)removed.lo;
	return sql_run(t->sq->db,
	    "UPDATE largesse SET value = %lld"
	    " WHERE key = 'pruned' AND value < %lld",
	    n, n);
}

static enum store_result
copy_chunk(struct target *t, const struct store_copy *cp)
{
	struct sqlite *sq = t->sq;
	struct store_id place;
	char *log_id = NULL;
	bool same;

	if (get_sequence(t) == -1 || get_place(t, &place) == -1 ||
	    sql_text(sq->db, &log_id,
		"SELECT value FROM largesse WHERE key = 'log'") != 1)
		return sqlite_write_trouble(sq);
	same = strcmp(log_id, cp->log_id) == 0 &&
	       store_id_cmp(place, cp->after) == 0;
	sqlite3_free(log_id);
	if (!same) {
		store_set_why(&sq->base,
		    "%s: somebody else wrote to it while it was copied to",
		    sq->path);
		return STORE_REFUSED;
	}
	if (copy_events(t, cp) == -1 || revoke_all(t, cp) == -1 ||
	    move_on(t, cp) == -1 || note_removed(t, cp->removed) == -1)
		return sqlite_write_trouble(sq);
	return STORE_OK;
}

enum store_result
sqlite_copy_in(struct store *store, const struct store_copy *cp)
{
	struct sqlite *sq = sqlite_of(store);
	struct target t = {.sq = sq};
	enum store_result r;

	if (sq->db == NULL || sql_run(sq->db, "BEGIN IMMEDIATE") == -1)
		return sqlite_trouble(sq);
	r = copy_chunk(&t, cp);
	sqlite3_finalize(t.insert);
	return end_copy(sq, r);
}

/* --- for readers -------------------------------------------------------- */

enum store_result
sqlite_numbers(struct store *store, uint64_t *n)
{
	struct sqlite *sq = sqlite_of(store);
	enum store_result r = sqlite_enter(sq);

	if (r != STORE_OK)
		return r;
	*n = (uint64_t)sq->seq;
	sqlite_leave(sq);
	return STORE_OK;
}

enum store_result
sqlite_removed(struct store *store, struct store_id *id)
{
	struct sqlite *sq = sqlite_of(store);
	enum store_result r = sqlite_enter(sq);

	if (r != STORE_OK)
		return r;
	*id = (struct store_id){0, sq->pruned > 0 ? (uint64_t)sq->pruned : 0};
	sqlite_leave(sq);
	return STORE_OK;
}
