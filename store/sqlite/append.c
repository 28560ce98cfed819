/*
 * append.c - adding events to a SQLite log, in one transaction.
 *
 * While we wait for the lock, or are stopped in the middle, another file may
 * take the place of the log.  What we have read of the one does not go into the
 * other: the transaction is given up, and made again with the log that is there
 * now.
 */
#include <string.h>
#include <unistd.h>

#include "store/sqlite/sqlite.h"

/* What came of some events: 0, or -1 for an error of SQLite, or one of these.
 */
enum {
	APPEND_SINGLY = 1, /* a trigger makes the ids of several unknown */
	APPEND_TAKEN,	   /* a uid is that of an event of another topic */
	APPEND_MOVED	   /* this is not the log any more, and was let go */
};

enum {
	MOVED_TRIES = 4 /* with a log that is replaced under each */
};

/* Is the second column of a row the topic of this event? */
static bool
has_topic(sqlite3_stmt *st, const struct store_event *ev)
{
	static const struct store_text main_topic = {"main", 4};
	struct store_text t = ev->topic.s == NULL ? main_topic : ev->topic;
	const unsigned char *s = sqlite3_column_text(st, 1);

	return (size_t)sqlite3_column_bytes(st, 1) == t.len &&
	       (t.len == 0 || memcmp(s, t.s, t.len) == 0);
}

/* The id of the event that has this uid already. */
static int
find_uid(struct sqlite *sq, struct store_event *ev)
{
	sqlite3_stmt *st = sq->st[ST_TAKEN];
	int rc = -1;

	sqlite_bind_text(st, 1, ev->uid);
	if (sqlite3_step(st) == SQLITE_ROW) {
		ev->id.lo = sqlite3_column_int64(st, 0);
		ev->repeated = true;
		rc = has_topic(st, ev) ? 0 : APPEND_TAKEN;
	}
	sqlite3_reset(st);
	return rc;
}

static int
append_one(struct sqlite *sq, struct store_event *ev, int64_t now)
{
	sqlite3_stmt *st = sq->st[ST_INSERT];

	sqlite_bind_event(st, 1, ev, true, now);
	sqlite3_step(st);
	if (sqlite3_reset(st) != SQLITE_OK)
		return -1;
	ev->repeated = false;
	ev->id = (struct store_id){0, sqlite3_last_insert_rowid(sq->db)};
	return sqlite3_changes(sq->db) == 1 ? 0 : find_uid(sq, ev);
}

/*
 * INSERT_ROWS events after one that was given the id before.  More than half
 * of what an INSERT costs is the statement, not the row: AUTOINCREMENT looks
 * up and writes its sequence for each statement.  If the last id is before +
 * INSERT_ROWS, no other id fits in between, so all ids are known.  If it is
 * not, a trigger adds rows of its own, or leaves some out: APPEND_SINGLY.
 */
static int
append_rows(
    struct sqlite *sq, struct store_event *ev, uint64_t before, int64_t now)
{
	sqlite3_stmt *st = sq->st[ST_INSERT_ROWS];
	int i, next = 1;

	for (i = 0; i < INSERT_ROWS; i++)
		next = sqlite_bind_event(st, next, &ev[i], false, now);
	sqlite3_step(st);
	if (sqlite3_reset(st) != SQLITE_OK)
		return -1;
	if (sqlite3_changes(sq->db) != INSERT_ROWS ||
	    (uint64_t)sqlite3_last_insert_rowid(sq->db) != before + INSERT_ROWS)
		return APPEND_SINGLY;
	for (i = 0; i < INSERT_ROWS; i++) {
		ev[i].repeated = false;
		ev[i].id = (struct store_id){0, before + 1 + (uint64_t)i};
	}
	return 0;
}

/* Are there INSERT_ROWS more, none with a uid that may be there already? */
static bool
fit_rows(const struct store_event *ev, size_t n)
{
	size_t i;

	for (i = 0; i < INSERT_ROWS && i < n; i++)
		if (ev[i].uid.s != NULL)
			return false;
	return i == INSERT_ROWS;
}

static int
run_kept(struct sqlite *sq, enum sqlite_statement s)
{
	sqlite3_step(sq->st[s]);
	return sqlite3_reset(sq->st[s]) == SQLITE_OK ? 0 : -1;
}

/*
 * Is what we have open, and have read, the log as its name has it now?  If not,
 * it is let go, and with it all that was not committed.
 */
static bool
keep_log(struct sqlite *sq)
{
	struct files *f = &sq->follow.files;

	if (files_same(f, sq->db, sq->path) && files_as_noted(f, sq->db) &&
	    files_look(f, sq->db) != FILES_OVERWRITTEN)
		return true;
	sqlite3_db_config(sq->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite_let_go(sq, FOLLOW_SETTLE_MS);
	usleep(FOLLOW_SETTLE_MS * 1000);
	return false;
}

/*
 * Without a -wal others have committed to the log itself while we waited for
 * the lock, and what we know of it is read anew.  From now on nobody else may
 * write to it.
 */
static bool
take_log(struct sqlite *sq)
{
	struct files *f = &sq->follow.files;

	if (!files_as_noted(f, sq->db)) {
		sqlite3_db_release_memory(sq->db);
		sqlite3_exec(
		    sq->db, "PRAGMA writable_schema = RESET", NULL, NULL, NULL);
		files_note(f, sq->db);
	}
	return keep_log(sq);
}

/*
 * Somebody may have upgraded the log since we opened it, and nobody can while
 * we have the lock.
 */
static enum store_result
still_known(struct sqlite *sq)
{
	sqlite3_stmt *st = sq->st[ST_SCHEMA];
	enum store_result r = STORE_OK;

	if (sqlite3_step(st) == SQLITE_ROW)
		r = guard_schema(sq, sqlite3_column_int64(st, 0));
	sqlite3_reset(st);
	if (r != STORE_OK)
		run_kept(sq, ST_ROLLBACK);
	return r;
}

static enum store_result
begin(struct sqlite *sq)
{
	int i;

	for (i = 0; i < MOVED_TRIES; i++) {
		if (!sqlite_ready(sq))
			return STORE_BUSY;
		if (run_kept(sq, ST_BEGIN) == -1)
			return sqlite_write_trouble(sq);
		if (take_log(sq))
			return still_known(sq);
	}
	return STORE_BUSY;
}

/* Commits what came to rc; if it came to nothing, says whether that was
   because of the files. */
static int
commit(struct sqlite *sq, int rc)
{
	if (rc != 0 && rc != -1)
		return rc;
	if (!keep_log(sq))
		return APPEND_MOVED;
	if (rc == -1 || run_kept(sq, ST_COMMIT) == -1)
		return -1;
	if (!files_have_wal(&sq->follow.files, sq->db))
		files_note(&sq->follow.files, sq->db);
	return 0;
}

/* Ends a transaction that was not committed. */
static void
roll_back(struct sqlite *sq)
{
	if (!sqlite3_get_autocommit(sq->db))
		run_kept(sq, ST_ROLLBACK);
}

/*
 * After APPEND_SINGLY singly is set: undo what was inserted and call it again,
 * and it inserts the events one by one.
 */
static int
append_events(struct sqlite *sq, struct store_event *events, size_t n)
{
	uint64_t before = 0; /* the id of the last one, if that was added */
	int64_t now = clock_wall_ms();
	size_t i = 0;
	int rc;

	while (i < n) {
		if (before != 0 && !sq->singly && fit_rows(&events[i], n - i)) {
			rc = append_rows(sq, &events[i], before, now);
			sq->singly = rc == APPEND_SINGLY;
			if (rc != 0)
				return rc;
			i += INSERT_ROWS;
			before += INSERT_ROWS;
		} else {
			if ((rc = append_one(sq, &events[i], now)) != 0)
				return rc;
			before = events[i].repeated ? 0 : events[i].id.lo;
			i++;
		}
	}
	return 0;
}

static enum store_result
append_trouble(struct sqlite *sq, int rc)
{
	if (rc != APPEND_TAKEN)
		return sqlite_write_trouble(sq);
	store_set_why(&sq->base,
	    "%s: the uid is that of an event of another topic", sq->path);
	return STORE_TAKEN;
}

/* In one transaction, which is begun. */
static int
append_here(struct sqlite *sq, struct store_event *events, size_t n)
{
	int rc = append_events(sq, events, n);

	if (rc == APPEND_SINGLY && run_kept(sq, ST_ROLLBACK) == 0 &&
	    begin(sq) == STORE_OK)
		rc = append_events(sq, events, n);
	return commit(sq, rc);
}

enum store_result
sqlite_append(struct store *store, struct store_event *events, size_t n)
{
	struct sqlite *sq = sqlite_of(store);
	enum store_result r = STORE_BUSY;
	int i, rc;

	for (i = 0; i < MOVED_TRIES; i++) {
		if ((r = begin(sq)) != STORE_OK)
			return r;
		rc = append_here(sq, events, n);
		if (rc == 0)
			return STORE_OK;
		if (rc == APPEND_MOVED)
			continue;
		r = append_trouble(sq, rc);
		roll_back(sq);
		return r;
	}
	return STORE_BUSY;
}

/* --- several publishers in one transaction ------------------------------ */

static void
set_results(
    struct sqlite *sq, struct store_batch *b, size_t n, enum store_result r)
{
	size_t i;

	for (i = 0; i < n; i++)
		store_set_result(&sq->base, &b[i], r);
}

/*
 * One batch within the transaction.  Even a single event gets a savepoint: a
 * trigger that does RAISE(FAIL) leaves the row of which it complains.
 */
static void
append_within(struct sqlite *sq, struct store_batch *b)
{
	int rc = run_kept(sq, ST_MARK) == 0 ? append_events(sq, b->events, b->n)
					    : -1;

	if (rc == APPEND_SINGLY && run_kept(sq, ST_UNDO) == 0)
		rc = append_events(sq, b->events, b->n);
	if (rc == 0 && run_kept(sq, ST_KEEP) == 0) {
		store_set_result(&sq->base, b, STORE_OK);
		return;
	}
	store_set_result(&sq->base, b, append_trouble(sq, rc));
	if (!sqlite3_get_autocommit(sq->db)) {
		run_kept(sq, ST_UNDO);
		run_kept(sq, ST_KEEP);
	}
}

/*
 * A trigger's RAISE(ROLLBACK) or a full disk has ended the transaction.  The
 * batch that caused it has its result; all others are tried alone.
 */
static void
append_alone(
    struct sqlite *sq, struct store_batch *b, size_t n, const size_t culprit)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (i > culprit || (i < culprit && b[i].result == STORE_OK))
			store_set_result(&sq->base, &b[i],
			    sqlite_append(&sq->base, b[i].events, b[i].n));
}

/* All in one transaction, which is begun.  APPEND_MOVED: nothing is done. */
static int
append_batches(struct sqlite *sq, struct store_batch *b, size_t n)
{
	enum store_result r;
	size_t i;

	for (i = 0; i < n; i++) {
		append_within(sq, &b[i]);
		if (sqlite3_get_autocommit(sq->db)) {
			append_alone(sq, b, n, i);
			return 0;
		}
	}
	switch (commit(sq, 0)) {
	case 0:
		return 0;
	case APPEND_MOVED:
		return APPEND_MOVED;
	}
	r = sqlite_write_trouble(sq);
	for (i = 0; i < n; i++)
		if (b[i].result == STORE_OK)
			store_set_result(&sq->base, &b[i], r);
	roll_back(sq);
	return 0;
}

void
sqlite_append_all(struct store *store, struct store_batch *b, size_t n)
{
	struct sqlite *sq = sqlite_of(store);
	enum store_result r = STORE_OK;
	int i;

	for (i = 0; i < MOVED_TRIES && r == STORE_OK; i++)
		if ((r = begin(sq)) == STORE_OK &&
		    append_batches(sq, b, n) == 0)
			return;
	set_results(sq, b, n, r == STORE_OK ? STORE_BUSY : r);
}
