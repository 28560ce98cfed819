/*
 * seek.c - finding the place where a reader is to start.
 *
 * A place is an id: the reader gets what comes after it.  If a place is gone,
 * that is said; it is never replaced by another without a word.
 */
#include "store/sqlite/sqlite.h"

enum {
	LAST_MAX = 100000
}; /* rows that `the newest N` goes back at most */

static int64_t
query_id(sqlite3_stmt *st, int64_t none)
{
	int64_t id = none;

	if (sqlite3_step(st) == SQLITE_ROW &&
	    sqlite3_column_type(st, 0) != SQLITE_NULL)
		id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return id;
}

/* The place before the oldest event there is. */
static int64_t
floor_id(struct sqlite *sq)
{
	return query_id(sq->st[ST_FIRST], sq->seq + 1) - 1;
}

/*
 * Times grow with ids, near enough, because publishers give the time as they
 * commit.  So the place is found by halving, without an index on time.
 */
int64_t
sqlite_seek_time(struct sqlite *sq, int64_t time_ms)
{
	sqlite3_stmt *st = sq->st[ST_SCAN];
	int64_t low = floor_id(sq), high = sq->seq, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		sqlite3_bind_int64(st, 1, mid);
		if (sqlite3_step(st) == SQLITE_ROW &&
		    sqlite3_column_int64(st, COL_TIME) < time_ms)
			low = sqlite3_column_int64(st, COL_ID);
		else
			high = mid;
		sqlite3_reset(st);
	}
	return low;
}

/* The place before the newest count, going back through all rows. */
static int64_t
seek_last_scan(struct sqlite *sq, const struct store_seek *seek)
{
	sqlite3_stmt *st = sq->st[ST_BACK];
	uint64_t left = seek->count;
	int64_t place = sq->seq;
	struct store_text t;
	size_t passed = 0;

	sqlite3_bind_int64(st, 1, sq->seq);
	while (
	    left > 0 && passed++ < LAST_MAX && sqlite3_step(st) == SQLITE_ROW) {
		t = sqlite_text(st, 1);
		if (!store_topic_match(seek->topics, seek->n, t.s, t.len))
			continue;
		place = sqlite3_column_int64(st, 0) - 1;
		left--;
	}
	sqlite3_reset(st);
	return place;
}

/* The newest id of a topic below *id, by the index.  False: there is none. */
static bool
newest_below(sqlite3_stmt *st, const struct store_topic *t, int64_t *id)
{
	sqlite3_bind_text(st, 1, t->name, (int)t->len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, *id);
	if (sqlite3_step(st) != SQLITE_ROW)
		return false;
	*id = sqlite3_column_int64(st, 0);
	return true;
}

/* The same by the index, for exact topics: side by side, newest first. */
static int64_t
seek_last_topics(struct sqlite *sq, const struct store_seek *seek)
{
	uint64_t left = seek->count < LAST_MAX ? seek->count : LAST_MAX;
	int64_t ids[TOPICS_MAX], place = sq->seq;
	sqlite3_stmt *st[TOPICS_MAX];
	size_t i, best;

	for (i = 0; i < seek->n; i++) {
		st[i] = sqlite_topic_statement(sq, i, true);
		ids[i] = sq->seq;
		if (st[i] == NULL ||
		    !newest_below(st[i], &seek->topics[i], &ids[i]))
			ids[i] = -1;
	}
	for (; left > 0; left--) {
		for (best = 0, i = 1; i < seek->n; i++)
			if (ids[i] > ids[best])
				best = i;
		if (ids[best] == -1)
			break;
		place = ids[best] - 1;
		ids[best] = sqlite3_step(st[best]) == SQLITE_ROW
				? sqlite3_column_int64(st[best], 0)
				: -1;
	}
	for (i = 0; i < seek->n; i++)
		sqlite3_reset(st[i]);
	return place;
}

static int64_t
seek_last(struct sqlite *sq, const struct store_seek *seek)
{
	size_t i;

	for (i = 0; i < seek->n; i++)
		if (seek->topics[i].prefix)
			break;
	return i == seek->n && seek->n > 0 && seek->n <= TOPICS_MAX
		   ? seek_last_topics(sq, seek)
		   : seek_last_scan(sq, seek);
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
		place = sq->seq;
		break;
	case STORE_FROM_FIRST:
		place = floor_id(sq);
		break;
	case STORE_FROM_ID:
		r = sqlite_find_id(sq, seek->id, floor_id(sq), &place);
		break;
	case STORE_FROM_UID:
		r = sqlite_find_uid(sq, seek, floor_id(sq), &place);
		break;
	case STORE_FROM_LAST:
		place = seek_last(sq, seek);
		break;
	case STORE_FROM_TIME:
		place = sqlite_seek_time(sq, seek->time_ms);
		break;
	}
	sqlite_leave(sq);
	*id = (struct store_id){0, (uint64_t)place};
	return r;
}
