/*
 * end.c - has a topic ended?
 *
 * Its newest event says so.  That is two looks at an index, whatever is in the
 * log; nothing is kept of topics that have ended.
 */
#include "store/sqlite/sqlite.h"

/* Is the event with this id the end of its topic? */
static bool
is_end(struct sqlite *sq, int64_t id)
{
	sqlite3_stmt *st = sq->st[ST_TYPE];
	struct store_event ev = {.event = {NULL, 0}};
	bool end;

	sqlite3_bind_int64(st, 1, id);
	if (sqlite_step(sq, st) == SQLITE_ROW)
		ev.event = sqlite_text(st, 0);
	end = store_is_end(&ev);
	sqlite3_reset(st);
	return end;
}

/*
 * A log without the index, or with topics that are no text, was made by hand.
 * There no topic ends.
 */
enum store_result
sqlite_end_of(
    struct store *store, struct store_text topic, struct store_id *end)
{
	struct sqlite *sq = sqlite_of(store);
	struct store_topic one = {topic.s, topic.len, false};
	struct merge m;
	enum store_result r = sqlite_enter(sq);
	int64_t id = 0;
	bool ended;

	if (r != STORE_OK)
		return r;
	ended = sqlite_merge_begin(&m, sq, &one, 1, INT64_MAX, true) &&
		sqlite_merge_next(&m, &id) && id > 0 && is_end(sq, id);
	if (m.failed || sq->failed != SQLITE_OK || sqlite_is_torn(sq, true))
		r = sqlite_trouble(sq);
	sqlite_leave(sq);
	if (r == STORE_OK)
		*end = (struct store_id){0, ended ? (uint64_t)id : 0};
	return r;
}
