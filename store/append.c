/*
 * append.c - adding events to a SQLite log, in one transaction.
 */
#include <time.h>

#include "store/sqlite.h"

static void
bind_text(sqlite3_stmt *st, int i, struct store_text t)
{
	if (t.s == NULL)
		sqlite3_bind_null(st, i);
	else
		sqlite3_bind_text64(
		    st, i, t.s, t.len, SQLITE_STATIC, SQLITE_UTF8);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* The id of the event that has this uid already. */
static int
find_uid(struct sqlite *sq, struct store_event *ev)
{
	sqlite3_stmt *st = sq->st[ST_UID];
	int rc;

	bind_text(st, 1, ev->uid);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		ev->id.lo = sqlite3_column_int64(st, 0);
		ev->repeated = true;
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? 0 : -1;
}

static int
insert(struct sqlite *sq, struct store_event *ev)
{
	static const struct store_text main_topic = {"main", 4},
				       no_data = {"", 0};
	sqlite3_stmt *st = sq->st[ST_INSERT];

	bind_text(st, 1, ev->topic.s == NULL ? main_topic : ev->topic);
	bind_text(st, 2, ev->event);
	bind_text(st, 3, ev->data.s == NULL ? no_data : ev->data);
	bind_text(st, 4, ev->uid);
	sqlite3_bind_int64(st, 5, ev->time_ms == 0 ? now_ms() : ev->time_ms);
	sqlite3_step(st);
	if (sqlite3_reset(st) != SQLITE_OK)
		return -1;
	ev->repeated = false;
	ev->id = (struct store_id){0, sqlite3_last_insert_rowid(sq->db)};
	return sqlite3_changes(sq->db) == 1 ? 0 : find_uid(sq, ev);
}

static int
run(struct sqlite *sq, enum sqlite_statement s)
{
	sqlite3_step(sq->st[s]);
	return sqlite3_reset(sq->st[s]) == SQLITE_OK ? 0 : -1;
}

enum store_result
sqlite_append(struct store *store, struct store_event *events, size_t n)
{
	struct sqlite *sq = (struct sqlite *)store;
	enum store_result r;
	size_t i;

	if (run(sq, ST_BEGIN) == -1)
		return sqlite_trouble(sq);
	for (i = 0; i < n; i++)
		if (insert(sq, &events[i]) == -1)
			break;
	if (i == n && run(sq, ST_COMMIT) == 0)
		return STORE_OK;
	r = sqlite_trouble(sq);
	if (sqlite3_errcode(sq->db) == SQLITE_FULL ||
	    sqlite3_errcode(sq->db) == SQLITE_TOOBIG)
		r = STORE_FULL;
	else if ((sqlite3_errcode(sq->db) & 0xff) == SQLITE_CONSTRAINT)
		r = STORE_ERROR;
	if (!sqlite3_get_autocommit(sq->db))
		run(sq, ST_ROLLBACK);
	return r;
}
