/*
 * check.h - what is wrong with a log in a SQLite file.  Read this page of the
 * room first.
 *
 * check.c finds the files, opens the database and calls the others: tables.c
 * asks the tables, rights.c looks at who may do what, wal.c at who holds up a
 * checkpoint, who.c at who publishes, elsewhere.c at who has another -wal. Each
 * tells what it finds through tell.c.  None of them writes, and none takes a
 * lock that another process could wait for.
 *
 * The room may include store/engine.h and, to read the tables, schema.h of
 * store/sqlite, and place.h.  What to do about a finding is left to the doctor
 * and to whoever reads it.
 */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include <sys/stat.h>

#include <limits.h>

#include <sqlite3.h>

#include "store/engine.h"

enum {
	CHECK_SEEN = 512,
	CHECK_QUOTED = PATH_MAX /* a name for a shell */
};

/* The log's files, and what stat says of them. */
enum check_file {
	CHECK_DB,
	CHECK_WAL,
	CHECK_SHM,
	CHECK_DIR,
	CHECK_FILES
};

struct check {
	const struct store_check *want;
	const char *path;	  /* as it was given */
	char init[PATH_MAX + 64]; /* the command that makes or mends it */
	char file[CHECK_FILES][PATH_MAX];
	char word[CHECK_FILES][CHECK_QUOTED]; /* the same for a shell */
	struct stat st[CHECK_FILES];
	bool there[CHECK_FILES];
};

/* What is known of a finding before it is seen. */
struct check_kind {
	const char *code;
	enum store_grade grade;
	bool certain;
	const char *effect;
};

/* --- tell.c --- */

/* Tells of it; mend holds up to STORE_MENDS commands, then NULL, or is NULL. */
void check_tell(const struct check *, const struct check_kind *,
    const char *const *mend, const char *seen, ...)
    __attribute__((format(printf, 4, 5)));

extern const struct check_kind check_no_log, check_unreadable;

/* `process 4711 (sqlite3)`, if it can be seen. */
void check_process(char *buf, size_t size, int pid);

/* --- each in the file of its name --- */

/* 0, or -1 without memory or such a user. */
int check_rights(const struct check *);
/* Is it a log?  summary then says what it has. */
bool check_tables(
    const struct check *, sqlite3 *db, char *summary, size_t size);
void check_wal(const struct check *);
void check_who(const struct check *);
/* Has everybody the same -wal? */
void check_elsewhere(const struct check *);

#endif
