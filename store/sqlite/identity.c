/*
 * identity.c - is it still the same log?
 *
 * While we read a log it can be moved away, restored from an older copy, or
 * rebuilt, and then its ids mean something else.  Four things tell: another
 * file under the path; another log id; a sequence that went back; and, for an
 * older copy that has grown past us, another row under the newest id that we
 * read.  A log that only lost old rows is still the same.
 */
#include <string.h>

#include "store/clock.h"
#include "store/hash.h"
#include "store/sqlite/sqlite.h"

enum {
	RESTLESS_MS = 10000, /* after a log was taken for ours */
	LATE_MS = 1000,	     /* from the time of a row to its commit */
	SEEDS = 20 /* as a power of two: how far back the first marks are */
};

/*
 * A row may be edited: its topic, its event and its data.  Its time and its uid
 * stay what they were, so another time is another row.
 */
static void
make_mark(
    struct row_mark *m, int64_t id, int64_t time_ms, struct store_text uid)
{
	*m = (struct row_mark){
	    id, time_ms, store_hash(STORE_HASH_BEGIN, uid.s, uid.len)};
}

/* The row of this id as it is now.  False: there is none. */
static bool
read_mark(void *arg, int64_t id, struct row_mark *m)
{
	struct sqlite *sq = arg;
	sqlite3_stmt *st = sq->st[ST_ROW];
	bool found;

	sqlite3_bind_int64(st, 1, id);
	found = sqlite3_step(st) == SQLITE_ROW;
	if (found)
		make_mark(m, id, sqlite3_column_int64(st, COL_TIME),
		    sqlite_text(st, COL_UID));
	sqlite3_reset(st);
	return found;
}

void
identity_mark(struct sqlite *sq, const struct store_event *ev)
{
	struct row_mark m;

	make_mark(&m, (int64_t)ev->id.lo, ev->time_ms, ev->uid);
	if (sq->self.marks != NULL)
		marks_add(sq->self.marks, &m);
}

void
identity_mark_id(struct sqlite *sq, struct store_id id)
{
	const struct row_mark *newest;
	struct row_mark m;

	if (sq->self.marks == NULL)
		return;
	newest = marks_newest(sq->self.marks);
	if ((newest == NULL || (int64_t)id.lo > newest->id) &&
	    read_mark(sq, (int64_t)id.lo, &m))
		marks_add(sq->self.marks, &m);
}

void
identity_mark_upto(struct sqlite *sq, int64_t id)
{
	sqlite3_stmt *st = sq->st[ST_BEFORE];

	sqlite3_bind_int64(st, 1, id);
	id = sqlite_number(st, 0);
	identity_mark_id(sq, (struct store_id){0, (uint64_t)id});
}

/*
 * A tool that rebuilt the table may not know of AUTOINCREMENT.  The table still
 * has its rows, and we go on with the newest.
 */
static void
tell_no_autoincrement(struct sqlite *sq)
{
	sqlite3_stmt *st = NULL;

	if (sq->base.warned)
		return;
	if (sqlite3_prepare_v2(sq->db,
		"SELECT 1 FROM sqlite_schema WHERE type = 'table'"
		" AND name = 'events' AND sql NOT LIKE '%AUTOINCREMENT%'",
		-1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		sq->base.warned = store_warn(&sq->base,
		    "%s: events has lost AUTOINCREMENT: an id that was removed "
		    "may be given again, and streams miss that event",
		    sq->path);
	}
	sqlite3_finalize(st);
}

/*
 * Reads log id, sequence and what was pruned.  STORE_UNKNOWN when this is no
 * log; STORE_BUSY when it could not be read now, which says nothing of it.
 */
static enum store_result
read_self(struct sqlite *sq, char *log_id, size_t size)
{
	sqlite3_stmt *st = sq->st[ST_SELF];
	int rc = sqlite3_step(st);
	bool found = rc == SQLITE_ROW && sqlite3_column_text(st, 0) != NULL;
	int64_t newest;

	if (found) {
		sqlite3_snprintf(
		    (int)size, log_id, "%s", sqlite3_column_text(st, 0));
		sq->seq = sqlite3_column_int64(st, 1);
		newest = sqlite3_column_int64(st, 4);
		if (sq->seq < newest) { /* it says less than is known */
			sq->seq = newest;
			tell_no_autoincrement(sq);
		}
		/* Where this is not written anything may have been lost. */
		sq->pruned = sqlite3_column_type(st, 2) == SQLITE_NULL
				 ? INT64_MAX
				 : sqlite3_column_int64(st, 2);
		sq->base.revoked.lo = (uint64_t)sqlite3_column_int64(st, 3);
	}
	sqlite3_reset(st);
	if (found)
		return STORE_OK;
	return rc == SQLITE_ROW || (rc & 0xff) == SQLITE_ERROR ? STORE_UNKNOWN
							       : STORE_BUSY;
}

/* The place for the marks of another log: those that were left long ago go. */
static struct marks *
oldest_marks(struct sqlite *sq, const struct marks *except)
{
	struct marks *oldest = NULL;
	int i;

	for (i = 0; i < MARKS_LOGS; i++)
		if (&sq->marks[i] != except &&
		    (oldest == NULL || sq->marks[i].used < oldest->used))
			oldest = &sq->marks[i];
	return oldest;
}

/*
 * Of the copies of this log that were read, the one that has most in common
 * with it; NULL: none was.
 */
static struct marks *
nearest_marks(struct sqlite *sq, struct marks_part *part)
{
	struct marks *nearest = NULL;
	struct marks_part p;
	int i;

	for (i = 0; i < MARKS_LOGS; i++) {
		struct marks *m = &sq->marks[i];

		m->lost.id = 0;
		if (m->used == 0 || strcmp(m->log_id, sq->base.log_id) != 0)
			continue;
		p = marks_compare(m, read_mark, sq, sq->seq);
		m->lost = p.first_lost;
		if (nearest == NULL || p.low > part->low) {
			*part = p;
			nearest = m;
		}
	}
	return nearest;
}

/* Of a log that is new to us: the newest row, and fewer the older they are. */
static void
add_seeds(struct sqlite *sq, struct marks *marks)
{
	sqlite3_stmt *st = sq->st[ST_BEFORE];
	int64_t id, was = INT64_MIN, head = sqlite_head(sq);
	struct row_mark m;
	int i;

	for (i = SEEDS; i >= 0; i -= 2) {
		sqlite3_bind_int64(st, 1, head - (INT64_C(1) << i) + 1);
		id = sqlite_number(st, INT64_MIN);
		if (id > was && read_mark(sq, id, &m)) {
			marks_add_old(marks, &m);
			was = id;
		}
	}
}

/*
 * Who moves a log but leaves the -wal of the one before it gives it some pages
 * of that: rows that were read stand in a log of another id.
 */
static void
skip_rows_of(
    struct sqlite *sq, const struct marks *before, struct marks_part *part)
{
	struct marks_part p;

	if (before == NULL || strcmp(before->log_id, sq->base.log_id) == 0)
		return;
	p = marks_compare(before, read_mark, sq, sq->seq);
	if (part->low < p.low)
		part->low = p.low;
	if (part->high < part->low)
		part->high = part->low;
}

/*
 * A log of the same id is another copy of one that was read, and the marks say
 * where the two part.  The marks of what this copy does not have are kept: the
 * other one may come back.
 */
static void
take_marks(
    struct sqlite *sq, const struct marks *before, struct marks_part *part)
{
	struct marks *near, *m;

	if (sq->mode != STORE_READ || sq->base.log_id[0] == '\0')
		return;
	m = near = nearest_marks(sq, part);
	skip_rows_of(sq, before, part);
	if (near == NULL) {
		m = oldest_marks(sq, NULL);
		marks_begin(m, sq->base.log_id);
	} else if (part->lost > 0) {
		m = oldest_marks(sq, near);
		*m = *near;
		marks_forget(m, part->lost);
	}
	m->used = ++sq->logs;
	if (sq->logs > MARKS_LOGS) /* some copies are forgotten */
		part->high = sq->seq;
	if (marks_newest(m) == NULL)
		add_seeds(sq, m);
	m->lost.id = 0;
	sq->self.marks = m;
}

enum store_result
identity_take(struct sqlite *sq, int64_t *low, int64_t *high)
{
	char log_id[sizeof(sq->base.log_id)] = "";
	enum store_result r = read_self(sq, log_id, sizeof(log_id));
	const struct marks *before = sq->self.marks;
	struct marks_part part = {.high = sq->seq};

	if (r == STORE_BUSY)
		return r;
	memset(&sq->self, 0, sizeof(sq->self));
	memcpy(sq->base.log_id, log_id, sizeof(log_id));
	sq->self.ok_ms = sq->self.taken_ms = clock_wall_ms();
	sq->self.seq = sq->seq;
	take_marks(sq, before, &part);
	*low = part.low;
	*high = part.high;
	return r;
}

/*
 * Is a row there again that this copy of the log did not have?  Then it is
 * another copy that is back, or parts of it.
 */
static bool
lost_is_back(struct sqlite *sq)
{
	struct row_mark *lost;
	int i, is;

	for (i = 0; i < MARKS_LOGS; i++) {
		lost = &sq->marks[i].lost;
		if (lost->id == 0 || sq->seq < lost->id)
			continue;
		is = marks_compare_row(lost, read_mark, sq);
		if (is == 1)
			return true;
		if (is == 0) /* another row has its id: it cannot come back */
			lost->id = 0;
	}
	return false;
}

/*
 * Is the next row older than this copy of the log is here?  If some copies are
 * forgotten, and files are still being moved, it may be a row of one of those.
 * Else it was only committed late, or has its time from somewhere else.
 */
static bool
old_row_comes(struct sqlite *sq)
{
	const struct row_mark *newest;
	sqlite3_stmt *st = sq->st[ST_TIME];
	bool old = false;

	if (sq->logs <= MARKS_LOGS || sq->self.marks == NULL ||
	    clock_wall_ms() - sq->self.taken_ms > RESTLESS_MS ||
	    (newest = marks_newest(sq->self.marks)) == NULL)
		return false;
	sqlite3_bind_int64(st, 1, newest->id);
	if (sqlite3_step(st) == SQLITE_ROW)
		old = sqlite3_column_int64(st, 2) < sq->self.taken_ms - LATE_MS;
	sqlite3_reset(st);
	return old;
}

enum store_result
identity_verify(struct sqlite *sq)
{
	char log_id[sizeof(sq->base.log_id)] = "";
	int64_t now = clock_wall_ms();
	enum store_result r = read_self(sq, log_id, sizeof(log_id));

	if (r != STORE_OK)
		return r;
	if (strcmp(log_id, sq->base.log_id) != 0 || sq->seq < sq->self.seq ||
	    (sq->self.marks != NULL &&
		!marks_hold(sq->self.marks, read_mark, sq)) ||
	    lost_is_back(sq) || old_row_comes(sq))
		return STORE_UNKNOWN;
	sq->self.ok_ms = now;
	sq->self.seq = sq->seq;
	return STORE_OK;
}
