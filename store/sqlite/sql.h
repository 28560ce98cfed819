/*
 * sql.h - the few steps of SQLite that making and pruning a log share.
 *
 * Private to store/, and for commands only: a call here may wait, up to five
 * seconds, for others who write.  Statements are written as printf has it,
 * with SQLite's %Q for a quoted string and %% for a percent sign.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <stdint.h>

#include <sqlite3.h>

enum {
	SQL_WAIT_MS = 5000
}; /* for a lock */

/* Opens a file that is there, to change it.  NULL, and why, on failure. */
sqlite3 *sql_open(const char *path, char *why, size_t size);

/* Runs one statement or several.  0, or -1: sqlite3_errmsg says why. */
int sql_run(sqlite3 *, const char *fmt, ...);

/* The first value of the first row.  1, or 0 for no row or NULL, or -1. */
int sql_number(sqlite3 *, int64_t *n, const char *fmt, ...);

/* The same as text, to be freed with sqlite3_free. */
int sql_text(sqlite3 *, char **s, const char *fmt, ...);

#endif
