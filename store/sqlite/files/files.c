/*
 * files.c - are the files that we have open those that publishers use?
 *
 * The -wal is read here through SQLite's own descriptor, and its index where
 * SQLite has mapped it: nothing is opened.  The formats are those of
 * https://sqlite.org/walformat.html, which do not change.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/files/files.h"
#include "store/sqlite/files/opened.h"

enum {
	WAL_HEADER = 32,
	FRAME_HEADER = 24,
	FRAMES_MAX = 1024, /* that are looked at in one call */
	INDEX_WORDS = 12,  /* of one of the two copies of its header */
	AT_INIT = 3,	   /* words of it: is it made? */
	AT_FRAMES = 4,
	AT_SALT = 8,
	AT_BACKFILLED = 24,
	WRITE_LOCK = 120, /* bytes of the -shm */
	CHECKPOINT_LOCK = 121
};

/* --- which files -------------------------------------------------------- */

void
files_begin(struct files *f)
{
	memset(f, 0, sizeof(*f));
	opened_begin();
	f->since = opened_now();
	f->losses = opened_losses();
}

bool
files_lost(const struct files *f)
{
	return f->losses != opened_losses();
}

/* The real name of the log with this behind it. */
static bool
name_beside(sqlite3 *db, const char *suffix, char path[PATH_MAX])
{
	const char *name = sqlite3_db_filename(db, "main");

	return name != NULL && *name != '\0' &&
	       snprintf(path, PATH_MAX, "%s%s", name, suffix) < PATH_MAX;
}

static bool
find_beside(
    const struct files *f, sqlite3 *db, const char *suffix, struct opened *o)
{
	char path[PATH_MAX];

	return name_beside(db, suffix, path) && opened_find(path, f->since, o);
}

/* What is not open will be opened by its name. */
static bool
same_beside(const struct files *f, sqlite3 *db, const char *suffix)
{
	struct opened o;
	char path[PATH_MAX];
	struct stat sb;

	if (!find_beside(f, db, suffix, &o))
		return true;
	return !o.lost && name_beside(db, suffix, path) &&
	       stat(path, &sb) == 0 && sb.st_dev == o.dev && sb.st_ino == o.ino;
}

bool
files_same(const struct files *f, sqlite3 *db, const char *path)
{
	struct opened o;
	struct stat sb;

	if (stat(path, &sb) == -1 || sb.st_size == 0)
		return false;
	if (find_beside(f, db, "", &o) &&
	    (sb.st_dev != o.dev || sb.st_ino != o.ino))
		return false;
	return same_beside(f, db, "-wal") && same_beside(f, db, "-shm");
}

bool
files_have_wal(const struct files *f, sqlite3 *db)
{
	struct opened o;

	return find_beside(f, db, "-shm", &o) && o.map != NULL;
}

/* --- what is in them ---------------------------------------------------- */

/*
 * Reads the index.  Its header is there twice, and is whole where both are the
 * same.  False: there is none, or somebody is writing it.
 */
static bool
read_index(const struct files *f, sqlite3 *db, struct wal_index *x)
{
	uint32_t w[AT_BACKFILLED + 1];
	struct opened o;
	int i;

	memset(x, 0, sizeof(*x));
	if (!find_beside(f, db, "-shm", &o) || o.map == NULL)
		return false;
	for (i = 0; i <= AT_BACKFILLED; i++)
		w[i] = o.map[i];
	if (memcmp(w, w + INDEX_WORDS, INDEX_WORDS * sizeof(*w)) != 0 ||
	    *(unsigned char *)&w[AT_INIT] == 0)
		return false;
	x->frames = w[AT_FRAMES];
	x->backfilled = w[AT_BACKFILLED];
	memcpy(x->salt, &w[AT_SALT], sizeof(x->salt));
	return true;
}

static sqlite3_file *
wal_of(sqlite3 *db)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(
		db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK ||
	    file == NULL || file->pMethods == NULL)
		return NULL;
	return file;
}

static uint32_t
number(const unsigned char *s)
{
	return (uint32_t)s[0] << 24 | (uint32_t)s[1] << 16 |
	       (uint32_t)s[2] << 8 | s[3];
}

/* A -wal as it is read: its header, and how long it is. */
struct wal {
	sqlite3_file *file;
	unsigned char head[WAL_HEADER];
	sqlite3_int64 size;
};

static bool
open_wal(struct wal *w, sqlite3 *db)
{
	memset(w, 0, sizeof(*w));
	w->file = wal_of(db);
	if (w->file == NULL ||
	    w->file->pMethods->xFileSize(w->file, &w->size) != SQLITE_OK)
		return false;
	return w->size < WAL_HEADER || w->file->pMethods->xRead(w->file,
					   w->head, WAL_HEADER, 0) == SQLITE_OK;
}

/*
 * Is there a commit behind the first n frames?  The frames of a transaction
 * that is not committed, or was rolled back, have no size of the log in them;
 * those of an earlier life of the file have another salt.
 */
static bool
commit_after(const struct wal *w, uint32_t n)
{
	sqlite3_int64 frame = FRAME_HEADER + number(w->head + 8);
	sqlite3_int64 at = WAL_HEADER + n * frame;
	unsigned char head[FRAME_HEADER];
	int i;

	for (i = 0; i < FRAMES_MAX && at + frame <= w->size; i++, at += frame) {
		if (w->file->pMethods->xRead(w->file, head, FRAME_HEADER, at) !=
			SQLITE_OK ||
		    memcmp(head + 8, w->head + 16, 8) != 0)
			return false;
		if (number(head + 4) != 0)
			return true;
	}
	return false;
}

static bool
index_lacks(const struct wal_index *x, const struct wal *w)
{
	bool same = memcmp(x->salt, w->head + 16, sizeof(x->salt)) == 0;

	if (w->size < WAL_HEADER)
		return x->frames > 0;
	if (same)
		return commit_after(w, x->frames);
	/* Begun anew, and nothing was written since: all of it is old. */
	if (x->frames == 0 && number(x->salt) == number(w->head + 16) + 1)
		return false;
	return x->frames > 0 || commit_after(w, 0);
}

/* --- whether something was written -------------------------------------- */

static struct stamp
stamp_of(sqlite3 *db, const char *suffix)
{
	struct stamp s = {-1, 0};
	char path[PATH_MAX];
	struct stat sb;

	if (name_beside(db, suffix, path) && stat(path, &sb) == 0)
		s = (struct stamp){
		    sb.st_size, sb.st_mtim.tv_sec * INT64_C(1000000000) +
				    sb.st_mtim.tv_nsec};
	return s;
}

static bool
is_same_stamp(struct stamp a, struct stamp b)
{
	return a.size == b.size && a.mtime_ns == b.mtime_ns;
}

static bool
is_same_index(const struct wal_index *a, const struct wal_index *b)
{
	return a->frames == b->frames && a->backfilled == b->backfilled &&
	       memcmp(a->salt, b->salt, sizeof(a->salt)) == 0;
}

void
files_note(struct files *f, sqlite3 *db)
{
	f->plain = stamp_of(db, "");
}

bool
files_as_noted(const struct files *f, sqlite3 *db)
{
	return files_have_wal(f, db) ||
	       is_same_stamp(stamp_of(db, ""), f->plain);
}

/*
 * Is somebody committing, or writing back to the log?  Both are done under a
 * lock of the -shm, and are not over before it is given back.
 */
static bool
is_being_written(const struct files *f, sqlite3 *db)
{
	struct flock lock = {.l_type = F_WRLCK,
	    .l_whence = SEEK_SET,
	    .l_start = WRITE_LOCK,
	    .l_len = CHECKPOINT_LOCK + 1 - WRITE_LOCK};
	struct opened o;

	return find_beside(f, db, "-shm", &o) &&
	       fcntl(o.fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* What the files are in, if x is the index and these are their stamps. */
static enum files_state
judge_files(const struct files *f, sqlite3 *db, const struct wal_index *x,
    bool log_moved)
{
	struct wal w;

	if (open_wal(&w, db) && index_lacks(x, &w))
		return FILES_UNSEEN;
	/* A checkpoint writes to the log, too, and notes that in the index. */
	return log_moved && is_same_index(x, &f->index) ? FILES_OVERWRITTEN
							: FILES_SEEN;
}

/*
 * The index is read before the files are looked at and must not have changed
 * after: a commit in between is one that is seen.
 */
enum files_state
files_look(struct files *f, sqlite3 *db)
{
	enum files_state state = FILES_SEEN;
	struct wal_index x, after;
	bool is = read_index(f, db, &x), has = files_have_wal(f, db);
	struct stamp log = stamp_of(db, ""), wal = stamp_of(db, "-wal");
	bool log_moved = !is_same_stamp(log, f->log);

	if (is != has)
		return FILES_BUSY;
	if (!log_moved && is_same_stamp(wal, f->wal))
		return FILES_SEEN;
	if (is) /* of a new connection nothing is known */
		state = judge_files(f, db, &x, log_moved && f->log.size > 0);
	if (state != FILES_SEEN &&
	    (is_being_written(f, db) || !read_index(f, db, &after) ||
		!is_same_index(&x, &after)))
		return FILES_BUSY; /* nothing is noted, so it is judged again */
	if (state == FILES_SEEN) {
		f->index = x;
		f->log = log;
		f->wal = wal;
	}
	return state;
}
