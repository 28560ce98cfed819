/*
 * read.c - a page of a SQLite log: the events after an id, of some topics.
 *
 * Step, hand out, reset: no statement stands open when sqlite_read returns.
 * Topics are found by their index, side by side, or by going through all rows,
 * which is cheaper where most rows are wanted.  A page changes from one to the
 * other as it goes.  Where the index does not serve, rows are passed over for
 * STORE_SLICE_NS, and the reader goes on from there with its next page.
 *
 * A text that is too long for a reader is not read: SQLite gives up at the
 * column (SQLITE_TOOBIG).  Only then the row is looked at column by column,
 * and never at what stands behind data, for SQLite would have to go through
 * all the pages of data to get there.
 */
#include "store/sqlite/sqlite.h"

enum {
	FEW = 4,	 /* exact topics for which the index is asked first */
	PROBE_ROWS = 32, /* looked at before the density is judged */
	DENSE = 4,	 /* one of so many rows is ours: scanning is cheaper */
	CLOCK_ROWS = 32, /* that are passed over from one look to the next */
	HEAVY_BYTES = 16384, /* a row of so many counts as two, and so on */
	LONG_BYTES = 400 /* fewer are on the page of their row, all of them */
};

/* One read of a page, as it goes. */
struct row_page {
	struct sqlite *sq;
	const struct store_topic *topics;
	size_t n, limit;
	int64_t until_ns;
	store_each *each;
	void *arg;
	struct store_span *span;
};

/* How a way of reading stopped. */
enum stop {
	STOP_PAGE,   /* the page is over */
	STOP_END,    /* so is the log */
	STOP_SPARSE, /* too many rows are passed over */
	STOP_DENSE,  /* too few are */
	STOP_FAILED  /* SQLite says why */
};

static bool
matches(const struct row_page *pg, struct store_text topic)
{
	return store_topic_match(pg->topics, pg->n, topic.s, topic.len);
}

/* May a part of this event be on pages of its own? */
static bool
is_long(const struct store_event *ev)
{
	return ev->data.len + ev->event.len + ev->topic.len + ev->uid.len >
	       LONG_BYTES;
}

/* Hands out an event.  False: the page ends. */
static bool
give(struct row_page *pg, const struct store_event *ev)
{
	if (sqlite_is_torn(pg->sq, is_long(ev)))
		return false;
	pg->span->upto = ev->id;
	pg->limit--;
	if (pg->n == 0 && !ev->too_large)
		identity_mark(pg->sq, ev);
	guard_begin(pg->sq);
	return pg->each(pg->arg, ev) && pg->limit > 0;
}

/*
 * Hands out an event that is too large, if it is wanted.  The statement of
 * whoever found it may stand open, so these are others.
 */
static bool
give_too_large(struct row_page *pg, int64_t id)
{
	sqlite3_stmt *head = pg->sq->st[ST_TOPIC], *type = pg->sq->st[ST_TYPE];
	struct store_event ev = {.id.lo = (uint64_t)id,
	    .topic = {"", 0},
	    .data = {"", 0},
	    .time_ms = STORE_NO_TIME,
	    .too_large = true};
	bool go_on = true;

	sqlite3_bind_int64(head, 1, id);
	if (sqlite_step(pg->sq, head) == SQLITE_ROW)
		ev.topic = sqlite_some_text(head, 0);
	sqlite3_bind_int64(type, 1, id);
	if (sqlite_step(pg->sq, type) == SQLITE_ROW)
		ev.event = sqlite_text(type, 0);
	if (pg->sq->failed != SQLITE_OK)
		go_on = false;
	else if (matches(pg, ev.topic))
		go_on = give(pg, &ev);
	else
		pg->span->upto = ev.id;
	sqlite3_reset(head);
	sqlite3_reset(type);
	return go_on;
}

/*
 * What has become of a statement that goes through the rows?  If it could not
 * read the next row, for that is too large, the row is handed out, and *again
 * says to go on behind it.
 */
static enum stop
end_scan(struct row_page *pg, sqlite3_stmt *st, int rc, bool *again)
{
	int64_t id;

	*again = false;
	if (rc == SQLITE_ROW)
		rc = SQLITE_OK;
	sqlite3_reset(st);
	if (rc == SQLITE_DONE)
		return STOP_END;
	if ((rc & 0xff) != SQLITE_TOOBIG)
		return rc == SQLITE_OK ? STOP_PAGE : STOP_FAILED;
	st = pg->sq->st[ST_NEXT];
	sqlite3_bind_int64(st, 1, (int64_t)pg->span->upto.lo);
	id = sqlite_number(pg->sq, st, 0);
	if (id <= (int64_t)pg->span->upto.lo)
		return STOP_FAILED;
	*again = give_too_large(pg, id) && clock_steady_ns() < pg->until_ns;
	return STOP_PAGE;
}

/* Does going through the rows find too little?  *passed is what was in vain. */
static bool
too_sparse(const struct store_event *ev, size_t given, size_t *passed)
{
	*passed += 1 + (ev->data.len + ev->event.len) / HEAVY_BYTES;
	return *passed > PROBE_ROWS + given * DENSE;
}

/* Goes through the rows and hands out those that are wanted. */
static enum stop
scan_dense(struct row_page *pg)
{
	sqlite3_stmt *st = pg->sq->st[ST_SCAN];
	size_t given = 0, passed = 0;
	enum stop stop;
	bool again;
	int rc;

	do {
		sqlite3_bind_int64(st, 1, (int64_t)pg->span->upto.lo);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
			struct store_event ev = sqlite_event(pg->sq, st);

			if (matches(pg, ev.topic)) {
				given++;
				if (!give(pg, &ev))
					break;
				continue;
			}
			pg->span->upto = ev.id;
			if (too_sparse(&ev, given, &passed)) {
				sqlite3_reset(st);
				return STOP_SPARSE;
			}
		}
		stop = end_scan(pg, st, rc, &again);
	} while (again);
	return stop;
}

/* Hands out the event of this id, if it is wanted.  False: the page ends. */
static bool
give_id(struct row_page *pg, int64_t id, bool *failed)
{
	sqlite3_stmt *st = pg->sq->st[ST_ROW];
	struct store_event ev;
	bool go_on = true;
	int rc;

	sqlite3_bind_int64(st, 1, id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		ev = sqlite_event(pg->sq, st);
		if (matches(pg, ev.topic))
			go_on = give(pg, &ev);
	}
	sqlite3_reset(st);
	if ((rc & 0xff) == SQLITE_TOOBIG)
		return give_too_large(pg, id);
	*failed = rc != SQLITE_ROW && rc != SQLITE_DONE;
	return go_on;
}

/*
 * Hands out what the index finds.  Where that turns out to be a good part of
 * the log it stops: going through the rows is cheaper.
 */
static enum stop
read_merge(struct row_page *pg, struct merge *m)
{
	uint64_t from = pg->span->upto.lo;
	bool failed = false;
	size_t given = 0;
	int64_t id;

	while (sqlite_merge_next(m, &id)) {
		if (!give_id(pg, id, &failed))
			return STOP_PAGE;
		if (failed)
			return STOP_FAILED;
		if (++given == PROBE_ROWS &&
		    pg->span->upto.lo - from <= PROBE_ROWS * DENSE)
			return STOP_DENSE;
	}
	return m->failed ? STOP_SPARSE : STOP_END; /* not by the index */
}

/* The next row of the topic is too large.  False: the page ends. */
static bool
pass_too_large(struct row_page *pg, bool *failed)
{
	sqlite3_stmt *st = pg->sq->index[INDEX_AFTER];
	int64_t id;

	sqlite3_bind_text(
	    st, 1, pg->topics->name, (int)pg->topics->len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (int64_t)pg->span->upto.lo);
	sqlite3_bind_int(st, 3, 1);
	id = sqlite_number(pg->sq, st, 0);
	*failed = id <= (int64_t)pg->span->upto.lo;
	return !*failed && give_too_large(pg, id) &&
	       clock_steady_ns() < pg->until_ns;
}

/*
 * The same for one topic: the rows themselves, by one statement.  To ask for
 * each row by its id takes twice the time.
 */
static enum stop
read_alone(struct row_page *pg)
{
	sqlite3_stmt *st = pg->sq->index[INDEX_ROWS];
	uint64_t from = pg->span->upto.lo;
	bool go_on, failed = false;
	size_t given = 0;
	int rc;

	do {
		go_on = true;
		sqlite3_bind_text(st, 1, pg->topics->name, (int)pg->topics->len,
		    SQLITE_STATIC);
		sqlite3_bind_int64(st, 2, (int64_t)pg->span->upto.lo);
		while (go_on && (rc = sqlite3_step(st)) == SQLITE_ROW) {
			struct store_event ev = sqlite_event(pg->sq, st);

			go_on = give(pg, &ev);
			if (++given == PROBE_ROWS &&
			    pg->span->upto.lo - from <= PROBE_ROWS * DENSE) {
				sqlite3_reset(st);
				return go_on ? STOP_DENSE : STOP_PAGE;
			}
		}
		sqlite3_reset(st);
		if (!go_on)
			return STOP_PAGE;
		if (rc == SQLITE_DONE)
			return STOP_END;
		if ((rc & 0xff) != SQLITE_TOOBIG)
			return STOP_FAILED;
	} while (pass_too_large(pg, &failed));
	return failed ? STOP_FAILED : STOP_PAGE;
}

/* Passes over rows while there is time, and reads no more than topics. */
static enum stop
scan_sparse(struct row_page *pg)
{
	sqlite3_stmt *st = pg->sq->st[ST_PASS];
	bool again, failed = false;
	size_t rows = 0;
	enum stop stop;
	int64_t id;
	int rc;

	do {
		sqlite3_bind_int64(st, 1, (int64_t)pg->span->upto.lo);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
			id = sqlite3_column_int64(st, COL_ID);
			if (matches(pg, sqlite_some_text(st, COL_TOPIC)) &&
			    (!give_id(pg, id, &failed) || failed))
				break;
			pg->span->upto.lo = (uint64_t)id;
			if (++rows % CLOCK_ROWS == 0 &&
			    clock_steady_ns() > pg->until_ns)
				break;
		}
		stop = end_scan(pg, st, rc, &again);
	} while (again);
	return failed ? STOP_FAILED : stop;
}

/* The index first, where it is quick to say what it has? */
static bool
few_exact(const struct row_page *pg)
{
	size_t i;

	for (i = 0; i < pg->n; i++)
		if (pg->topics[i].prefix)
			return false;
	return pg->n > 0 && pg->n <= FEW;
}

static enum stop
fill_span(struct row_page *pg)
{
	enum stop stop = few_exact(pg) ? STOP_SPARSE : STOP_DENSE;
	struct merge m;

	do {
		if (stop == STOP_DENSE &&
		    (stop = scan_dense(pg)) != STOP_SPARSE)
			return stop;
		if (sqlite_merge_begin(&m, pg->sq, pg->topics, pg->n,
			(int64_t)pg->span->upto.lo, false))
			stop = pg->n == 1 && !pg->topics->prefix
				   ? read_alone(pg)
				   : read_merge(pg, &m);
		if (stop == STOP_SPARSE)
			return scan_sparse(pg);
	} while (stop == STOP_DENSE && clock_steady_ns() < pg->until_ns);
	return stop;
}

enum store_result
sqlite_read(struct store *st, struct store_id after,
    const struct store_topic *topics, size_t n, size_t limit, store_each *each,
    void *arg, struct store_span *span)
{
	struct sqlite *sq = sqlite_of(st);
	enum store_result r = sqlite_enter(sq);
	struct row_page pg = {.sq = sq,
	    .topics = topics,
	    .n = n,
	    .limit = limit,
	    .each = each,
	    .arg = arg,
	    .span = span};
	enum stop stop;

	if (r != STORE_OK)
		return r;
	*span = (struct store_span){after, false};
	pg.until_ns = clock_steady_ns() + STORE_SLICE_NS;
	stop = fill_span(&pg);
	if (sqlite_is_torn(sq, true))
		stop = STOP_FAILED;
	span->at_end = stop == STOP_END;
	sq->whole |= n == 0;
	if (!sq->whole && stop != STOP_FAILED)
		identity_mark_id(sq, span->upto);
	if (stop == STOP_FAILED || sq->failed != SQLITE_OK)
		r = sqlite_trouble(sq);
	else
		sqlite_seen(sq);
	sqlite_leave(sq);
	return r;
}
