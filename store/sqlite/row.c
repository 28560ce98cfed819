/*
 * row.c - an event as a row: read from a statement, bound to one.
 */
#include "store/sqlite/sqlite.h"

struct store_text
sqlite_text(sqlite3_stmt *st, int column)
{
	struct store_text t;

	t.s = (const char *)sqlite3_column_text(st, column);
	t.len = t.s == NULL ? 0 : (size_t)sqlite3_column_bytes(st, column);
	return t;
}

struct store_text
sqlite_some_text(sqlite3_stmt *st, int column)
{
	struct store_text t = sqlite_text(st, column);

	return t.s == NULL ? (struct store_text){"", 0} : t;
}

struct store_event
sqlite_event(const struct sqlite *sq, sqlite3_stmt *st)
{
	struct store_event ev = {
	    .id.lo = (uint64_t)sqlite3_column_int64(st, COL_ID),
	    .topic = sqlite_some_text(st, COL_TOPIC),
	    .event = sqlite_text(st, COL_EVENT),
	    .data = sqlite_some_text(st, COL_DATA),
	    .uid = sqlite_text(st, COL_UID),
	    .time_ms = sqlite3_column_int64(st, COL_TIME),
	};
	size_t len = ev.topic.len + ev.event.len + ev.data.len + ev.uid.len;

	if (sq->base.event_max != 0 && len > sq->base.event_max) {
		ev.too_large = true;
		ev.data = (struct store_text){"", 0};
	}
	return ev;
}

void
sqlite_bind_text(sqlite3_stmt *st, int i, struct store_text t)
{
	if (t.s == NULL)
		sqlite3_bind_null(st, i);
	else
		sqlite3_bind_text64(
		    st, i, t.s, t.len, SQLITE_STATIC, SQLITE_UTF8);
}

int
sqlite_bind_event(sqlite3_stmt *st, int i, const struct store_event *ev,
    bool uid, int64_t now)
{
	static const struct store_text main_topic = {"main", 4},
				       no_data = {"", 0};

	sqlite_bind_text(st, i++, ev->topic.s == NULL ? main_topic : ev->topic);
	sqlite_bind_text(st, i++, ev->event);
	sqlite_bind_text(st, i++, ev->data.s == NULL ? no_data : ev->data);
	if (uid)
		sqlite_bind_text(st, i++, ev->uid);
	sqlite3_bind_int64(st, i++, ev->time_ms == 0 ? now : ev->time_ms);
	return i;
}

void
sqlite_note(struct sqlite *sq, int rc)
{
	int code = rc & 0xff;

	if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE &&
	    code != SQLITE_TOOBIG && sq->failed == SQLITE_OK)
		sq->failed = rc;
}

int
sqlite_step(struct sqlite *sq, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	sqlite_note(sq, rc);
	return rc;
}

int64_t
sqlite_number(struct sqlite *sq, sqlite3_stmt *st, int64_t none)
{
	int64_t n = none;

	if (sqlite_step(sq, st) == SQLITE_ROW &&
	    sqlite3_column_type(st, 0) != SQLITE_NULL)
		n = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return n;
}
