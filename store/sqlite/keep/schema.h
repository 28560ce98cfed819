/*
 * schema.h - a log in the making, between those that make it.
 *
 * Private to store/sqlite: schema.c has the tables, retention.c, topics.c and
 * prune.c what is kept, fold.c a run that is over, find.c and cuts.c what the
 * log notes by itself, modes.c who may open the files.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <inttypes.h>

#include "store/sqlite/sql.h"
#include "store/engine.h"

/*
 * What this program makes and knows.  A log of a newer one is refused with
 * these words, which take its version, an int64_t, and ours.
 */
enum {
	SCHEMA_VERSION = 1
};
#define SCHEMA_NEWER                                                        \
	STORE_NEWER ", with schema %" PRId64 "; this one knows %d: install" \
		    " that one here, too"

/* A row, if the table of events has no AUTOINCREMENT any more. */
#define SCHEMA_LOST_AUTOINCREMENT                          \
	"SELECT 1 FROM sqlite_schema WHERE type = 'table'" \
	" AND name = 'events'"                             \
	" AND sql NOT LIKE '%%AUTOINCREMENT%%'"

/* A time that is later than now by more than this is a mistake. */
enum {
	SCHEMA_AHEAD_MS = 60 * 1000
};

/* Now, in ms since 1970: julianday is exact to 0.04 ms, so rounding is. */
#define SCHEMA_NOW_MS \
	"CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"

/* --- schema.c --- */

/* The version of the log in db; 0 is none yet, -1 an error. */
int schema_version(sqlite3 *db);

/* Is the file of this job a log that this program knows?  0, or -1 and why. */
int schema_ready(const struct sql_job *);

/* Makes a trigger be as sql says, or drops it if sql is NULL.  0 or -1. */
int schema_set_trigger(sqlite3 *db, const char *name, const char *sql);

/* --- find.c, and cuts.c for what was removed from the middle --- */

/* Installs the triggers by which a log takes notes.  0 or -1. */
int find_set_triggers(sqlite3 *db);
int cuts_set_triggers(sqlite3 *db); /* some of them */
/* Their names, or NULL after the last. */
const char *find_trigger(size_t i);
const char *cuts_trigger(size_t i);

/* --- retention.c --- */

/*
 * Installs the triggers that keep what keep says and remembers it.  Within a
 * transaction; what is so already is not written again.  0 or -1.
 */
int retention_set(sqlite3 *db, const struct store_keep *keep);

/* What is set.  0 or -1. */
int retention_get(sqlite3 *db, struct store_keep *keep);

/* --- topics.c --- */

/* SQL that is true of a topic of this pattern; NULL: no memory. */
char *topics_match_sql(const char *column, const char *pattern);
bool topics_is_prefix(const char *pattern);

/*
 * Installs the triggers for a rule of a pattern.  If keep has none, those that
 * an older largesse has made for its rules are made anew.  0 or -1.
 */
int topics_set(sqlite3 *db, const struct store_keep *keep);

/* Calls for each rule until it does not return 0.  What it returned, or -1. */
typedef int topics_each(void *arg, const struct store_keep *);
int topics_each_rule(sqlite3 *db, topics_each *, void *arg);

/* All rules in words, to be freed with sqlite3_free; NULL: trouble. */
char *topics_describe(sqlite3 *db);

/* --- modes.c --- */

/*
 * Makes an empty file at path if there is none, with the mode that its
 * directory asks for.  Returns the real path of the file, to be freed, or
 * NULL: errno says why.
 */
char *modes_create(const char *path);

/*
 * Lets the group of a group-writable directory read and write the log and
 * what lies beside it.  It follows no link and changes no file that is not the
 * log's.  0, or -1 and why.
 */
int modes_share(const char *real_path, char *why, size_t size);

#endif
