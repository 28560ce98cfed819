/*
 * size.c - how large the log is, and what it keeps.
 *
 * This is for people who look at a page, so a log that cannot be read now is no
 * trouble here: then it is not known.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>

#include "store/sqlite/sqlite.h"

static uint64_t
file_bytes(const char *path, const char *more)
{
	char name[4096];
	struct stat sb;

	snprintf(name, sizeof(name), "%s%s", path, more);
	return stat(name, &sb) == 0 ? (uint64_t)sb.st_size : 0;
}

/* What is set counts only while its trigger is there (keep/retention.c). */
static uint64_t
kept(struct sqlite *sq, const char *key, const char *trigger)
{
	sqlite3_stmt *st = sq->st[ST_KEPT];
	int64_t n;

	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, trigger, -1, SQLITE_STATIC);
	n = sqlite_number(sq, st, 0);
	return n > 0 ? (uint64_t)n : 0;
}

void
sqlite_size(struct store *st, struct store_size *size)
{
	struct sqlite *sq = sqlite_of(st);

	*size = (struct store_size){.rows = -1}; /* to count them takes long */
	if (sqlite_enter(sq) != STORE_OK)
		return;
	size->bytes = file_bytes(sq->path, "") + file_bytes(sq->path, "-wal") +
		      file_bytes(sq->path, "-shm");
	size->oldest_ms = sqlite_number(sq, sq->st[ST_OLDEST], STORE_NO_TIME);
	guard_begin(sq);
	size->keep_rows = kept(sq, "keep-rows", "largesse_keep_rows");
	size->keep_age_ms = kept(sq, "keep-age", "largesse_keep_age");
	size->known = sq->failed == SQLITE_OK && !sqlite_is_torn(sq, false);
	sqlite_leave(sq);
}
