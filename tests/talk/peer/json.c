/*
 * json.c - members of a JSON text.  SQLite reads the JSON: a test must not
 * trust a reader that the program uses itself.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/peer.h"

char *
json(const char *s, const char *path)
{
	sqlite3 *db = log_open(":memory:");
	sqlite3_stmt *st;
	char *value = NULL;

	if (sqlite3_prepare_v2(
		db, "SELECT json_extract(?1, ?2)", -1, &st, NULL) != SQLITE_OK)
		talk_fail("json: %s", sqlite3_errmsg(db));
	sqlite3_bind_text(st, 1, s, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, path, -1, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_ROW)
		talk_fail("not JSON: %s", s);
	if (sqlite3_column_text(st, 0) != NULL)
		value = text("%s", (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	log_close(db);
	return value;
}

int64_t
json_number(const char *s, const char *path)
{
	char *value = json(s, path);

	if (value == NULL)
		talk_fail("no %s in %s", path, s);
	return strtoll(value, NULL, 10);
}
