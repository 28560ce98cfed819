/*
 * identity.c - is it still the same log?
 *
 * While we read a log it can be moved away, restored from an older copy, or
 * rebuilt, and then its ids mean something else.  Four things tell: another
 * file under the path; another log id; a sequence that went back; and, for an
 * older copy that has grown past us, another row under the newest id that we
 * read.  A log that only lost old rows is still the same.
 */
#include <sys/stat.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "store/clock.h"
#include "store/sqlite/sqlite.h"

/* The inode of the file beside the log through which commits are told. */
static ino_t
shm_ino(const struct sqlite *sq)
{
	char path[PATH_MAX];
	struct stat sb;

	snprintf(path, sizeof(path), "%s/%s-shm", sq->news.dir, sq->news.name);
	return sq->news.dir != NULL && stat(path, &sb) == 0 ? sb.st_ino : 0;
}

void
identity_take_files(struct sqlite *sq, const struct stat *sb)
{
	sq->self.dev = sb->st_dev;
	sq->self.ino = sb->st_ino;
	sq->self.shm_ino = shm_ino(sq);
}

bool
identity_same_file(struct sqlite *sq)
{
	struct stat sb;

	if (sq->self.shm_ino == 0)
		sq->self.shm_ino = shm_ino(sq);
	else if (sq->self.shm_ino != shm_ino(sq))
		return false;
	return stat(sq->path, &sb) == 0 && sb.st_dev == sq->self.dev &&
	       sb.st_ino == sq->self.ino;
}

/*
 * A row may be edited: its topic, its event and its data.  Its time and its uid
 * stay what they were, so another time is another row.
 */
static void
make_mark(
    struct row_mark *m, int64_t id, int64_t time_ms, struct store_text uid)
{
	uint64_t hash = 14695981039346656037U; /* FNV-1a */
	size_t i;

	for (i = 0; i < uid.len; i++)
		hash = (hash ^ (unsigned char)uid.s[i]) * 1099511628211U;
	*m = (struct row_mark){id, time_ms, hash};
}

/* The row of this id as it is now.  False: there is none. */
static bool
read_mark(struct sqlite *sq, int64_t id, struct row_mark *m)
{
	sqlite3_stmt *st = sq->st[ST_ROW];
	bool found;

	sqlite3_bind_int64(st, 1, id);
	found = sqlite3_step(st) == SQLITE_ROW;
	if (found)
		make_mark(m, id, sqlite3_column_int64(st, COL_TIME),
		    sqlite_text(st, COL_UID));
	sqlite3_reset(st);
	return found;
}

void
identity_mark(struct sqlite *sq, struct store_id id)
{
	if ((int64_t)id.lo > sq->self.last.id)
		read_mark(sq, (int64_t)id.lo, &sq->self.last);
}

/*
 * A tool that rebuilt the table may not know of AUTOINCREMENT.  The table still
 * has its rows, and we go on with the newest.
 */
static void
tell_no_autoincrement(struct sqlite *sq)
{
	sqlite3_stmt *st = NULL;

	if (sq->base.warned)
		return;
	if (sqlite3_prepare_v2(sq->db,
		"SELECT 1 FROM sqlite_schema WHERE type = 'table'"
		" AND name = 'events' AND sql NOT LIKE '%AUTOINCREMENT%'",
		-1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		sq->base.warned = true;
		snprintf(sq->base.warning, sizeof(sq->base.warning),
		    "%s: events has lost AUTOINCREMENT: an id that was removed "
		    "may be given again, and streams miss that event",
		    sq->path);
	}
	sqlite3_finalize(st);
}

/*
 * Reads log id, sequence and what was pruned.  STORE_UNKNOWN when this is no
 * log; STORE_BUSY when it could not be read now, which says nothing of it.
 */
static enum store_result
read_self(struct sqlite *sq, char *log_id, size_t size)
{
	sqlite3_stmt *st = sq->st[ST_SELF];
	int rc = sqlite3_step(st);
	bool found = rc == SQLITE_ROW && sqlite3_column_text(st, 0) != NULL;
	int64_t newest;

	if (found) {
		sqlite3_snprintf(
		    (int)size, log_id, "%s", sqlite3_column_text(st, 0));
		sq->seq = sqlite3_column_int64(st, 1);
		newest = sqlite3_column_int64(st, 4);
		if (sq->seq < newest) { /* it says less than is known */
			sq->seq = newest;
			tell_no_autoincrement(sq);
		}
		/* Where this is not written anything may have been lost. */
		sq->pruned = sqlite3_column_type(st, 2) == SQLITE_NULL
				 ? INT64_MAX
				 : sqlite3_column_int64(st, 2);
		sq->base.revoked.lo = (uint64_t)sqlite3_column_int64(st, 3);
	}
	sqlite3_reset(st);
	if (found)
		return STORE_OK;
	return rc == SQLITE_ROW || (rc & 0xff) == SQLITE_ERROR ? STORE_UNKNOWN
							       : STORE_BUSY;
}

void
identity_take(struct sqlite *sq)
{
	struct stat sb;

	memset(&sq->self, 0, sizeof(sq->self));
	sq->self.ok_ms = clock_wall_ms();
	if (stat(sq->path, &sb) == 0)
		identity_take_files(sq, &sb);
	sq->base.log_id[0] = '\0';
	read_self(sq, sq->base.log_id, sizeof(sq->base.log_id));
}

/* A row that is gone proves nothing, for it may have been pruned. */
static bool
same_last_row(struct sqlite *sq)
{
	struct row_mark m;

	return sq->self.last.id == 0 || !read_mark(sq, sq->self.last.id, &m) ||
	       memcmp(&m, &sq->self.last, sizeof(m)) == 0;
}

enum store_result
identity_verify(struct sqlite *sq)
{
	char log_id[sizeof(sq->base.log_id)] = "";
	int64_t now = clock_wall_ms();
	enum store_result r = read_self(sq, log_id, sizeof(log_id));

	if (r != STORE_OK)
		return r;
	if (strcmp(log_id, sq->base.log_id) != 0 ||
	    sq->seq < sq->self.last.id || !same_last_row(sq))
		return STORE_UNKNOWN;
	sq->self.ok_ms = now;
	return STORE_OK;
}
