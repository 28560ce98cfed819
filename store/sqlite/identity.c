/*
 * identity.c - is it still the same log?
 *
 * While we read a log it can be moved away, restored from an older copy, or
 * rebuilt, and then its ids mean something else.  This tells: another file
 * under the path; another log id; a sequence that went back; for an older copy
 * that has grown past us, another row under the newest id that we read; and
 * rows that were read in another copy, and are there again.  A log that only
 * lost old rows is still the same.
 */
#include <string.h>

#include "store/clock.h"
#include "store/hash.h"
#include "store/sqlite/sqlite.h"

enum {
	RESTLESS_MS = 10000, /* after a log was taken for ours */
	LATE_MS = 1000,	     /* from the time of a row to its commit */
	LARGE_MAX = 8	     /* rows that are passed over */
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

/*
 * The newest row up to this id, as it is now; one that is too large is passed
 * over.  False: there is none, or a read has failed.  Then what is made of it
 * counts for nothing, and no more is read.
 */
static bool
read_mark(void *arg, int64_t id, struct row_mark *m)
{
	struct sqlite *sq = arg;
	sqlite3_stmt *st = sq->st[ST_UPTO], *before = sq->st[ST_BEFORE];
	int rc = SQLITE_TOOBIG, tries = LARGE_MAX;

	while ((rc & 0xff) == SQLITE_TOOBIG && sq->failed == SQLITE_OK &&
	       tries-- > 0) {
		sqlite3_bind_int64(st, 1, id);
		rc = sqlite_step(sq, st);
		if (rc == SQLITE_ROW)
			make_mark(m, sqlite3_column_int64(st, COL_ID),
			    sqlite3_column_int64(st, COL_TIME),
			    sqlite_text(st, COL_UID));
		sqlite3_reset(st);
		sqlite3_bind_int64(before, 1, id);
		if ((rc & 0xff) == SQLITE_TOOBIG &&
		    (id = sqlite_number(sq, before, INT64_MIN)) != INT64_MIN)
			id--;
	}
	return rc == SQLITE_ROW;
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

	if (found) {
		sqlite3_snprintf(
		    (int)size, log_id, "%s", sqlite3_column_text(st, 0));
		sq->seq = sqlite3_column_int64(st, 1);
		sq->newest = sqlite3_column_int64(st, 4);
		if (sq->seq < sq->newest) { /* it says less than is known */
			sq->seq = sq->newest;
			tell_no_autoincrement(sq);
		}
		/* Where this is not written anything may have been lost. */
		sq->pruned = sqlite3_column_type(st, 2) == SQLITE_NULL
				 ? INT64_MAX
				 : sqlite3_column_int64(st, 2);
		sq->base.revoked.lo = (uint64_t)sqlite3_column_int64(st, 3);
		sq->base.cuts = (uint64_t)sqlite3_column_int64(st, 5);
		sq->schema = sqlite3_column_int64(st, SELF_SCHEMA);
	}
	sqlite3_reset(st);
	if (found)
		return STORE_OK;
	return rc == SQLITE_ROW || (rc & 0xff) == SQLITE_ERROR ? STORE_UNKNOWN
							       : STORE_BUSY;
}

/*
 * Are the marks of some copy of this log forgotten?  Then it is not known what
 * was read in that.  A log that was never forgotten may seem so, seldom.
 */
static uint64_t *
forgotten(struct sqlite *sq, const char *log_id, uint64_t *bit)
{
	uint64_t h = store_hash(STORE_HASH_BEGIN, log_id, strlen(log_id));

	*bit = UINT64_C(1) << h % 64;
	return &sq->forgotten[h / 64 % FORGOTTEN_WORDS];
}

static bool
is_forgotten(struct sqlite *sq, const char *log_id)
{
	uint64_t bit, *word = forgotten(sq, log_id, &bit);

	return (*word & bit) != 0;
}

static void
forget(struct sqlite *sq, const char *log_id)
{
	uint64_t bit, *word = forgotten(sq, log_id, &bit);

	*word |= bit;
}

/* Are these the marks of some copy of the log with this id? */
static bool
are_of(const struct marks *m, const char *log_id)
{
	return m->used != 0 && strcmp(m->log_id, log_id) == 0;
}

/*
 * The rows of this copy that were read are older than this.  Publishers' clocks
 * may be ahead of ours, but it is not later than the last look at any log.
 */
static int64_t
last_seen(const struct sqlite *sq, const struct marks *m)
{
	int64_t ok_ms = sq->self.ok_ms;

	if (m->seen_ms >= ok_ms || m->time_ms >= ok_ms)
		return ok_ms;
	return m->time_ms < m->seen_ms ? m->seen_ms : m->time_ms + 1;
}

/* This copy was there at this time.  Clocks are set back, too. */
static void
note_seen(struct marks *m, int64_t ms)
{
	if (m->seen_ms < ms)
		m->seen_ms = ms;
}

/*
 * Of the copies of this log that were read, the one that has most in common
 * with it.
 */
static void
find_nearest(struct sqlite *sq, struct identity_read *rd)
{
	struct marks_part p;
	int64_t seen_ms;
	int i;

	for (i = 0; i < MARKS_LOGS; i++) {
		struct marks *m = &sq->marks[i];

		if (!are_of(m, rd->log_id))
			continue;
		seen_ms = last_seen(sq, m);
		p = marks_compare(m, read_mark, sq, sqlite_head(sq));
		rd->first_lost[i] = p.first_lost;
		if (rd->near != NULL && p.low == rd->low) {
			if (rd->seen_ms < seen_ms)
				rd->seen_ms = seen_ms;
			if (rd->high < p.high)
				rd->high = p.high;
		}
		if (rd->near != NULL && p.low <= rd->low)
			continue;
		rd->low = p.low;
		rd->high = p.high;
		rd->lost = p.lost;
		rd->near = m;
		rd->seen_ms = seen_ms;
	}
	if (is_forgotten(sq, rd->log_id)) {
		rd->high = sqlite_head(sq);
		rd->seen_ms = sq->self.ok_ms;
	}
}

/* Of a log that is new to us: the newest row, and fewer the older they are. */
static void
read_seeds(struct sqlite *sq, struct identity_read *rd)
{
	int64_t was = INT64_MIN, head = sqlite_head(sq);
	struct row_mark *m;
	int i;

	for (i = 2 * (IDENTITY_SEEDS - 1); i >= 0; i -= 2) {
		m = &rd->seed[rd->seeds];
		if (read_mark(sq, head - (INT64_C(1) << i) + 1, m) &&
		    m->id > was) {
			rd->seeds++;
			was = m->id;
		}
	}
}

/*
 * Who moves a log but leaves the -wal of the one before it gives it some pages
 * of that: rows that were read stand in a log of another id.
 */
static void
skip_rows_of(
    struct sqlite *sq, const struct marks *before, struct identity_read *rd)
{
	struct marks_part p;

	if (before == NULL || strcmp(before->log_id, rd->log_id) == 0)
		return;
	p = marks_compare(before, read_mark, sq, sqlite_head(sq));
	if (rd->low < p.low)
		rd->low = p.low;
	if (rd->high < rd->low)
		rd->high = rd->low;
}

enum store_result
identity_read(struct sqlite *sq, struct identity_read *rd)
{
	enum store_result r;
	bool fresh;

	memset(rd, 0, sizeof(*rd));
	r = read_self(sq, rd->log_id, sizeof(rd->log_id));
	if (r == STORE_BUSY)
		return r;
	rd->high = sqlite_head(sq);
	rd->seen_ms = sq->self.ok_ms;
	if (sq->mode != STORE_READ || rd->log_id[0] == '\0')
		return r;
	find_nearest(sq, rd);
	fresh = rd->near == NULL || rd->low == 0;
	skip_rows_of(sq, sq->self.marks, rd);
	if (fresh)
		read_seeds(sq, rd);
	return sq->failed == SQLITE_OK && !sqlite_is_torn(sq, true)
		   ? r
		   : STORE_BUSY;
}

void
identity_read_place(struct sqlite *sq, struct identity_read *rd, int64_t id)
{
	if (!read_mark(sq, id, &rd->place))
		rd->place.id = 0;
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
	if (oldest->used != 0)
		forget(sq, oldest->log_id);
	return oldest;
}

/*
 * A log of the same id is another copy of one that was read, and the marks say
 * where the two part.  The marks of what this copy does not have are kept: the
 * other one may come back.
 */
static struct marks *
take_marks(struct sqlite *sq, const struct identity_read *rd)
{
	struct marks *m = rd->near;
	bool fresh;
	int i;

	for (i = 0; i < MARKS_LOGS; i++)
		sq->marks[i].lost = rd->first_lost[i];
	if (m == NULL) {
		m = oldest_marks(sq, NULL);
		marks_begin(m, rd->log_id);
	} else if (rd->lost > 0) {
		m = oldest_marks(sq, rd->near);
		*m = *rd->near;
		marks_forget(m, rd->lost);
	}
	if (m != rd->near) /* it is new to us */
		m->head = sqlite_head(sq);
	m->used = ++sq->logs;
	fresh = marks_newest(m) == NULL;
	for (i = 0; fresh && i < rd->seeds; i++)
		marks_add_old(m, &rd->seed[i]);
	m->lost.id = 0;
	note_seen(m, clock_wall_ms());
	return m;
}

void
identity_take(struct sqlite *sq, const struct identity_read *rd)
{
	memset(&sq->self, 0, sizeof(sq->self));
	memcpy(sq->base.log_id, rd->log_id, sizeof(sq->base.log_id));
	sq->self.ok_ms = sq->self.taken_ms = clock_wall_ms();
	sq->self.seq = sq->seq;
	if (sq->mode == STORE_READ && rd->log_id[0] != '\0')
		sq->self.marks = take_marks(sq, rd);
	if (sq->self.marks != NULL && rd->place.id != 0)
		marks_add(sq->self.marks, &rd->place);
}

/*
 * Are the rows that come next in another copy of this log, which was read?
 * Some of that copy's rows may be gone, and others may have got their ids here.
 */
static bool
next_is_of(struct sqlite *sq, const struct marks *copy, int64_t after)
{
	sqlite3_stmt *st = sq->st[ST_NEXT];
	const struct row_mark *mark;
	int64_t next;
	int looks, is;

	for (looks = 0; looks < IDENTITY_LOOKS; looks++) {
		if ((mark = marks_after(copy, after)) == NULL)
			return false;
		is = marks_compare_row(mark, read_mark, sq);
		if (is == 1)
			return true;
		after = mark->id;
		if (is == 0)
			continue;
		sqlite3_bind_int64(st, 1, after);
		if ((next = sqlite_number(sq, st, INT64_MIN)) == INT64_MIN)
			return false;
		after = next - 1;
	}
	return false;
}

/*
 * Has a copy that was read before come back, with rows that are new here?  Only
 * if it would be taken for that one; else the same would be said of it again.
 */
static bool
copy_is_back(struct sqlite *sq)
{
	const struct marks *mine = sq->self.marks;
	const struct row_mark *newest;
	int64_t read;
	int i;

	if (mine == NULL)
		return false;
	newest = marks_newest(mine);
	read = newest != NULL ? newest->id : 0;
	for (i = 0; sq->newest > read && i < MARKS_LOGS; i++) {
		const struct marks *m = &sq->marks[i];

		if (m != mine && are_of(m, mine->log_id) &&
		    next_is_of(sq, m, read) &&
		    marks_compare(m, read_mark, sq, sqlite_head(sq)).low > read)
			return true;
	}
	return false;
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

	if (sq->self.marks == NULL || !is_forgotten(sq, sq->base.log_id) ||
	    clock_wall_ms() - sq->self.taken_ms > RESTLESS_MS ||
	    (newest = marks_newest(sq->self.marks)) == NULL)
		return false;
	sqlite3_bind_int64(st, 1, newest->id);
	if (sqlite_step(sq, st) == SQLITE_ROW)
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
	bool other;

	if (r != STORE_OK)
		return r;
	other = strcmp(log_id, sq->base.log_id) != 0 ||
		sq->seq < sq->self.seq ||
		(sq->self.marks != NULL &&
		    !marks_hold(sq->self.marks, read_mark, sq)) ||
		lost_is_back(sq) || copy_is_back(sq) || old_row_comes(sq);
	if (sq->failed != SQLITE_OK || sqlite_is_torn(sq, true))
		return STORE_BUSY;
	if (other)
		return STORE_UNKNOWN;
	sq->self.ok_ms = now;
	if (sq->self.marks != NULL)
		note_seen(sq->self.marks, now);
	sq->self.seq = sq->seq;
	return STORE_OK;
}
