/*
 * check.h - a log under examination, between those that examine it.
 *
 * Private to store/: check.c opens it and asks its tables, check_rights.c
 * looks at who may do what, check_wal.c at who holds up a checkpoint,
 * check_who.c at who publishes.  None of them writes, and none takes a lock
 * that another could wait for.
 */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include <sys/stat.h>

#include <limits.h>

#include <sqlite3.h>

#include "store/engine.h"

enum {
	CHECK_SEEN = 512
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

/* Tells of it; mend holds up to STORE_MENDS commands, then NULL, or is NULL. */
void check_tell(const struct check *, const struct check_kind *,
    const char *const *mend, const char *seen, ...)
    __attribute__((format(printf, 4, 5)));

extern const struct check_kind check_no_log, check_unreadable;

/* 0, or -1 without memory. */
int check_rights(const struct check *);
/* Is it a log?  summary then says what it has. */
bool check_tables(
    const struct check *, sqlite3 *db, char *summary, size_t size);
void check_wal(const struct check *);
void check_who(const struct check *);

/* `process 4711 (sqlite3)`, if it can be seen. */
void check_process(char *buf, size_t size, int pid);

#endif
