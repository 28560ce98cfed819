/*
 * read.c - a page of a SQLite log: the events after an id, of some topics.
 *
 * Step, hand out, reset: no statement stands open when sqlite_read returns.
 * A few exact topics are read by their index.  Prefixes, many topics, and
 * topics that turn out to be most of the log are read by going through all
 * rows.
 */
#include "store/sqlite/sqlite.h"

enum {
	PROBE_ROWS = 32, /* read by index before the density is judged */
	DENSE = 4,	 /* one of so many rows is ours: scanning is cheaper */
	PASS_MAX = 8192	 /* rows that one read passes over */
};

/* One read of a page, as it goes. */
struct row_page {
	struct sqlite *sq;
	const struct store_topic *topics;
	size_t n, limit, passed;
	store_each *each;
	void *arg;
	struct store_span *span;
};

/* Hands out the row that the statement stands on.  False: the page ends. */
static bool
give_row(struct row_page *pg, sqlite3_stmt *st)
{
	struct store_event ev = sqlite_event(st);

	pg->span->upto = ev.id;
	pg->limit--;
	return pg->each(pg->arg, &ev) && pg->limit > 0;
}

static bool
wanted(const struct row_page *pg, sqlite3_stmt *st)
{
	struct store_text t;

	if (pg->n == 0)
		return true;
	t = sqlite_text(st, COL_TOPIC);
	return store_topic_match(pg->topics, pg->n, t.s, t.len);
}

/* Goes through the rows in order of ids and picks what is wanted. */
static enum store_result
read_scan(struct row_page *pg)
{
	sqlite3_stmt *st = pg->sq->st[ST_SCAN];
	int rc;

	sqlite3_bind_int64(st, 1, pg->span->upto.lo);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (wanted(pg, st)) {
			if (!give_row(pg, st))
				break;
		} else {
			pg->span->upto.lo = sqlite3_column_int64(st, COL_ID);
			if (++pg->passed >= PASS_MAX)
				break;
		}
	}
	pg->span->at_end = rc == SQLITE_DONE;
	return sqlite3_reset(st) == SQLITE_OK ? STORE_OK
					      : sqlite_trouble(pg->sq);
}

/* The statement with the smallest id, of n that stand on a row or are NULL. */
static size_t
smallest_id(sqlite3_stmt *const *st, size_t n)
{
	int64_t best_id = INT64_MAX, id;
	size_t i, best = n;

	for (i = 0; i < n; i++) {
		if (st[i] == NULL)
			continue;
		id = sqlite3_column_int64(st[i], COL_ID);
		if (best == n || id < best_id) {
			best = i;
			best_id = id;
		}
	}
	return best;
}

/*
 * Steps a statement of the merge; one that has no more rows becomes NULL.
 * False on trouble.
 */
static bool
step_or_drop(sqlite3_stmt **st)
{
	int rc = sqlite3_step(*st);

	if (rc == SQLITE_ROW)
		return true;
	*st = NULL;
	return rc == SQLITE_DONE;
}

static bool
start_topics(struct row_page *pg, sqlite3_stmt **st)
{
	size_t i;

	for (i = 0; i < pg->n; i++) {
		st[i] = sqlite_topic_statement(pg->sq, i, false);
		if (st[i] == NULL)
			return false;
		sqlite3_bind_text(st[i], 1, pg->topics[i].name,
		    (int)pg->topics[i].len, SQLITE_STATIC);
		sqlite3_bind_int64(st[i], 2, pg->span->upto.lo);
		if (!step_or_drop(&st[i]))
			return false;
	}
	return true;
}

/*
 * Reads exact topics by the index, all of them side by side.  Where they
 * turn out to be a good part of the log, going through the rows is cheaper:
 * then it stops early with *dense set.
 */
static enum store_result
read_topics(struct row_page *pg, bool *dense)
{
	sqlite3_stmt *st[TOPICS_MAX] = {NULL};
	uint64_t from = pg->span->upto.lo;
	size_t i, given = 0;
	bool ok, more = true;

	*dense = false;
	ok = start_topics(pg, st);
	while (ok && more && !*dense && (i = smallest_id(st, pg->n)) < pg->n) {
		more = give_row(pg, st[i]);
		*dense = more && ++given == PROBE_ROWS &&
			 pg->span->upto.lo - from <= PROBE_ROWS * DENSE;
		ok = step_or_drop(&st[i]);
	}
	pg->span->at_end = ok && smallest_id(st, pg->n) == pg->n;
	for (i = 0; i < pg->n; i++)
		sqlite3_reset(pg->sq->topic_asc[i]);
	return ok ? STORE_OK : sqlite_trouble(pg->sq);
}

static bool
all_exact(const struct store_topic *topics, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (topics[i].prefix)
			return false;
	return n > 0 && n <= TOPICS_MAX;
}

enum store_result
sqlite_read(struct store *st, struct store_id after,
    const struct store_topic *topics, size_t n, size_t limit, store_each *each,
    void *arg, struct store_span *span)
{
	struct sqlite *sq = sqlite_of(st);
	struct row_page pg = {sq, topics, n, limit, 0, each, arg, span};
	enum store_result r = sqlite_enter(sq);
	bool scan = true;

	if (r != STORE_OK)
		return r;
	*span = (struct store_span){after, false};
	if (all_exact(topics, n)) {
		r = read_topics(&pg, &scan);
		scan = scan && !span->at_end;
	}
	if (r == STORE_OK && scan)
		r = read_scan(&pg);
	identity_mark(sq, span->upto);
	sqlite_leave(sq);
	return r;
}
