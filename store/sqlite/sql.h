/*
 * sql.h - the few steps of SQLite that commands at a terminal share.
 *
 * Private to store/sqlite.  A reader's loop does not come here: a call may
 * wait up to five seconds for other writers.  Statements are written as for
 * printf, with SQLite's %Q for a quoted string and %% for a percent sign.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store/sqlite/files/files.h"

enum {
	SQL_WAIT_MS = 5000
}; /* for a lock */

/* What a command does to one log, and where it says what came of it. */
struct sql_job {
	const char *path; /* as it was given; every message begins with it */
	char *why;
	size_t size; /* of why */
	sqlite3 *db;
	struct files files; /* what db has open */
};

/* Opens a file that is there, to change it.  0, or -1 and why. */
int sql_open(struct sql_job *, const char *file);

/* Says why: the path, and this.  Always -1. */
int sql_refuse(const struct sql_job *, const char *fmt, ...);
/* Says the last error of the database.  Always -1. */
int sql_trouble(const struct sql_job *);
/* Says that the file is no log, and what makes it one.  Always -1. */
int sql_no_log(const struct sql_job *);

/*
 * Is what we have open, and have read, the log as its name has it now?  One
 * that was replaced under us gets nothing of ours.  To be asked while we have
 * the lock.
 */
bool sql_same(struct sql_job *);

/* Commits if r is not -1, else undoes all.  r, or -1 and why. */
int sql_end(const struct sql_job *, int r);

/* Runs one statement or several.  0, or -1: sqlite3_errmsg says why. */
int sql_run(sqlite3 *, const char *fmt, ...);

/* The first value of the first row.  1, or 0 for no row or NULL, or -1. */
int sql_number(sqlite3 *, int64_t *n, const char *fmt, ...);

/* The same as text, to be freed with sqlite3_free. */
int sql_text(sqlite3 *, char **s, const char *fmt, ...);

#endif
