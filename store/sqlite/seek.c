/*
 * seek.c - finding the place where a reader is to start.
 *
 * A place is an id: the reader gets what comes after it.  If a place is gone,
 * that is said; it is never replaced by another without a word.
 */
#include "store/sqlite/sqlite.h"

enum {
	SCAN_MAX = 100000, /* rows that `the newest N' is searched in without
			      the index */
	PROBE_ROWS = 256,  /* looked at before the index is asked */
	CLOCK_ROWS = 32,   /* from one look at the clock to the next */
	NEW_MAX = 1024,	   /* rows that are looked at one by one */
	TRIES = 8 /* rows whose time cannot be read, one after another */
};

/* The place before the oldest event there is. */
static int64_t
floor_id(struct sqlite *sq)
{
	int64_t oldest = sqlite_number(sq, sq->st[ST_FIRST], INT64_MIN);

	if (oldest == INT64_MIN)
		return sqlite_head(sq);
	return oldest > 0 ? oldest - 1 : 0;
}

/*
 * The first event after *id that is not too large: its time, and *id is its id.
 * False: there is none near.
 */
static bool
time_after(struct sqlite *sq, int64_t *id, int64_t *time_ms)
{
	sqlite3_stmt *st = sq->st[ST_TIME], *next = sq->st[ST_NEXT];
	int64_t at = *id;
	int tries = TRIES, rc;

	do {
		sqlite3_bind_int64(st, 1, at);
		rc = sqlite_step(sq, st);
		if (rc == SQLITE_ROW) {
			*id = sqlite3_column_int64(st, 0);
			*time_ms = sqlite3_column_int64(st, 2);
		}
		sqlite3_reset(st);
		if (rc == SQLITE_ROW)
			return true;
		sqlite3_bind_int64(next, 1, at);
	} while ((rc & 0xff) == SQLITE_TOOBIG && --tries > 0 &&
		 (at = sqlite_number(sq, next, INT64_MAX)) != INT64_MAX);
	return false;
}

/*
 * Times grow with ids, near enough, because publishers give the time as they
 * commit.  So the place is found by halving, without an index on time.  low
 * grows or high shrinks each time, whatever the times are.
 */
int64_t
sqlite_seek_time(struct sqlite *sq, int64_t time_ms)
{
	int64_t low = floor_id(sq), high = sqlite_head(sq), mid, id, time;

	while (low < high) {
		id = mid = low + (high - low) / 2;
		if (time_after(sq, &id, &time) && time < time_ms)
			low = id;
		else
			high = mid;
	}
	return low;
}

/* Of a log that was put in the place of another: mostly there are few. */
int64_t
sqlite_seek_new(struct sqlite *sq, int64_t time_ms, int64_t now_ms)
{
	int64_t at = sqlite_head(sq), time, id, place;
	int rows;

	for (rows = 0; rows < NEW_MAX; rows++) {
		if (sqlite_row_at(sq, at, &id, &time) != ROW_FOUND ||
		    time < time_ms || time > now_ms)
			return at;
		at = id > 0 ? id - 1 : 0;
	}
	place = sqlite_seek_time(sq, time_ms);
	return place < at ? place : at;
}

/* --- the newest N ------------------------------------------------------- */

/* Where the search stands; it is in seek->come from one call to the next. */
struct last {
	struct sqlite *sq;
	struct store_seek *seek;
	int64_t until_ns;
	size_t rows; /* that were looked at in this call */
};

/* The event of this id is one of those. */
static void
take_last(struct last *l, int64_t id)
{
	l->seek->come.found.lo = (uint64_t)(id > 0 ? id - 1 : 0);
	l->seek->come.left--;
}

static bool
time_is_over(struct last *l)
{
	return ++l->rows % CLOCK_ROWS == 0 && clock_steady_ns() > l->until_ns;
}

/* A row of which not even the topic can be read counts, as if it had none. */
static bool
skip_large(struct last *l, int64_t id)
{
	sqlite3_stmt *st = l->sq->st[ST_BEFORE];

	sqlite3_bind_int64(st, 1, id);
	id = sqlite_number(l->sq, st, 0);
	if (id < 1)
		return false;
	if (store_topic_match(l->seek->topics, l->seek->n, "", 0))
		take_last(l, id);
	l->seek->come.place.lo = (uint64_t)id - 1;
	return true;
}

/*
 * Goes back through all rows, up to so many of them.  come.place.hi, which no
 * id of a SQLite log has, counts the rows over all calls.
 */
static enum store_result
last_by_rows(struct last *l, size_t rows)
{
	sqlite3_stmt *st = l->sq->st[ST_BACK];
	struct store_seek *s = l->seek;
	enum store_result r = STORE_AGAIN;
	int rc = SQLITE_ROW;
	struct store_text t;
	int64_t id;

	sqlite3_bind_int64(st, 1, (int64_t)s->come.place.lo);
	for (; rows > 0; rows--) {
		if (s->come.left == 0 || s->come.place.hi >= SCAN_MAX ||
		    (rc = sqlite3_step(st)) != SQLITE_ROW ||
		    (id = sqlite3_column_int64(st, 0)) < 1) {
			r = STORE_OK;
			break;
		}
		t = sqlite_some_text(st, 1);
		if (store_topic_match(s->topics, s->n, t.s, t.len))
			take_last(l, id);
		s->come.place.lo = (uint64_t)id - 1;
		s->come.place.hi++;
		if (time_is_over(l))
			break;
	}
	sqlite3_reset(st);
	if ((rc & 0xff) == SQLITE_TOOBIG)
		return skip_large(l, (int64_t)s->come.place.lo) ? STORE_AGAIN
								: STORE_OK;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? r
						     : sqlite_trouble(l->sq);
}

/* By the index.  STORE_UNKNOWN: it does not serve. */
static enum store_result
last_by_index(struct last *l)
{
	struct store_seek *s = l->seek;
	struct merge m;
	int64_t id;

	if (!sqlite_merge_begin(
		&m, l->sq, s->topics, s->n, (int64_t)s->come.place.lo, true))
		return STORE_UNKNOWN;
	while (s->come.left > 0 && sqlite_merge_next(&m, &id)) {
		take_last(l, id);
		s->come.place.lo = s->come.found.lo;
		if (time_is_over(l))
			return STORE_AGAIN;
	}
	return m.failed && s->come.left > 0 ? STORE_UNKNOWN : STORE_OK;
}

/* The place before the newest count of these topics. */
static enum store_result
seek_last(struct sqlite *sq, struct store_seek *s, int64_t *place)
{
	struct last l = {.sq = sq,
	    .seek = s,
	    .until_ns = clock_steady_ns() + STORE_SLICE_NS};
	enum store_result r;

	if (!s->come.begun) {
		s->come.begun = true;
		s->come.place = (struct store_id){0, (uint64_t)sqlite_head(sq)};
		s->come.found = s->come.place;
		s->come.left =
		    s->count < STORE_LAST_MAX ? s->count : STORE_LAST_MAX;
	}
	r = last_by_rows(&l, PROBE_ROWS);
	if (r == STORE_AGAIN && (r = last_by_index(&l)) == STORE_UNKNOWN)
		r = last_by_rows(&l, SCAN_MAX);
	*place = (int64_t)s->come.found.lo;
	return r;
}

enum store_result
sqlite_seek(struct store *store, struct store_seek *seek, struct store_id *id)
{
	struct sqlite *sq = sqlite_of(store);
	enum store_result r = sqlite_enter(sq);
	int64_t place = 0;

	if (r != STORE_OK)
		return r;
	switch (seek->from) {
	case STORE_FROM_HEAD:
		place = sqlite_head(sq);
		break;
	case STORE_FROM_FIRST:
		place = floor_id(sq);
		break;
	case STORE_FROM_ID:
		r = sqlite_find_id(sq, seek, floor_id(sq), &place);
		break;
	case STORE_FROM_UID:
		r = sqlite_find_uid(sq, seek, floor_id(sq), &place);
		break;
	case STORE_FROM_LAST:
		r = seek_last(sq, seek, &place);
		break;
	case STORE_FROM_TIME:
		place = sqlite_seek_time(sq, seek->time_ms);
		break;
	}
	if (seek->from == STORE_FROM_ID || seek->from == STORE_FROM_UID)
		r = sqlite_find_cut(sq, seek, r, place);
	if (sqlite_is_torn(sq, true) || sq->failed != SQLITE_OK)
		r = sqlite_trouble(sq);
	if (r != STORE_BUSY && r != STORE_ERROR)
		sqlite_seen(sq);
	sqlite_leave(sq);
	*id = (struct store_id){0, (uint64_t)place};
	return r;
}
