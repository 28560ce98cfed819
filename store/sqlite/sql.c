/*
 * sql.c - open, run, and ask for one value.
 *
 * No statement stays open here and nothing is cached: a log is made once.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "store/sqlite/sql.h"

sqlite3 *
sql_open(const char *path, char *why, size_t size)
{
	sqlite3 *db = NULL;
	int cause;

	if (sqlite3_open_v2(path, &db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
		NULL) == SQLITE_OK) {
		sqlite3_extended_result_codes(db, 1);
		sqlite3_busy_timeout(db, SQL_WAIT_MS);
		return db;
	}
	cause = db == NULL ? ENOMEM : sqlite3_system_errno(db);
	sqlite3_snprintf((int)size, why, "%s: %s", path,
	    cause != 0 ? strerror(cause) : sqlite3_errmsg(db));
	sqlite3_close(db);
	return NULL;
}

/* Prepares the one statement of fmt and steps to its first row. */
static int
first_row(sqlite3 *db, sqlite3_stmt **st, const char *fmt, va_list ap)
{
	char *text = sqlite3_vmprintf(fmt, ap);
	int rc = SQLITE_NOMEM;

	*st = NULL;
	if (text != NULL)
		rc = sqlite3_prepare_v2(db, text, -1, st, NULL);
	sqlite3_free(text);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(*st);
	if (rc == SQLITE_ROW)
		return sqlite3_column_type(*st, 0) != SQLITE_NULL;
	return rc == SQLITE_DONE ? 0 : -1;
}

int
sql_run(sqlite3 *db, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int rc = SQLITE_NOMEM;

	va_start(ap, fmt);
	text = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	if (text != NULL)
		rc = sqlite3_exec(db, text, NULL, NULL, NULL);
	sqlite3_free(text);
	return rc == SQLITE_OK ? 0 : -1;
}

int
sql_number(sqlite3 *db, int64_t *n, const char *fmt, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = first_row(db, &st, fmt, ap);
	va_end(ap);
	if (r == 1)
		*n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return r;
}

int
sql_text(sqlite3 *db, char **s, const char *fmt, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = first_row(db, &st, fmt, ap);
	va_end(ap);
	if (r == 1) {
		*s = sqlite3_mprintf("%s", sqlite3_column_text(st, 0));
		if (*s == NULL)
			r = -1;
	}
	sqlite3_finalize(st);
	return r;
}
