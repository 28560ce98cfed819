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
	PAGE_MIN = 512,
	PAGE_MAX = 65536,
	FRAMES_MAX = 1024, /* that are looked at in one call */
	INDEX_WORDS = 12,  /* of one of the two copies of its header */
	AT_INIT = 3,	   /* words of it: is it made? */
	AT_FRAMES = 4,
	AT_SUM = 6,
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

	if (files_lost(f) || stat(path, &sb) == -1 || sb.st_size == 0)
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
	memcpy(x->sum, &w[AT_SUM], sizeof(x->sum));
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

/* --- whether something was written -------------------------------------- */

static struct stamp
make_stamp(const struct stat *sb)
{
	return (struct stamp){sb->st_size,
	    sb->st_mtim.tv_sec * INT64_C(1000000000) + sb->st_mtim.tv_nsec};
}

static struct stamp
stamp_of(sqlite3 *db, const char *suffix)
{
	char path[PATH_MAX];
	struct stat sb;

	if (name_beside(db, suffix, path) && stat(path, &sb) == 0)
		return make_stamp(&sb);
	return (struct stamp){-1, 0};
}

/* Of the log that is open, whatever its name is now. */
static struct stamp
stamp_of_open(const struct files *f, sqlite3 *db)
{
	struct opened o;
	struct stat sb;

	if (find_beside(f, db, "", &o) && fstat(o.fd, &sb) == 0)
		return make_stamp(&sb);
	return (struct stamp){-1, 0};
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

/* --- frames that the index does not have -------------------------------- */

/* Frames of this size are in it, with their headers; 0: it is no -wal. */
static sqlite3_int64
frame_size(const struct wal *w)
{
	uint32_t page = number(w->head + 8);

	return w->size >= WAL_HEADER && page >= PAGE_MIN && page <= PAGE_MAX
		   ? FRAME_HEADER + page
		   : 0;
}

/* Adds bytes, a multiple of 8, to the checksum of a -wal. */
static void
add_to_sum(
    uint32_t sum[2], const struct wal *w, const unsigned char *s, size_t len)
{
	bool big = (w->head[3] & 1) != 0; /* of the magic number */
	size_t i;

	for (i = 0; i < len; i += 4) {
		uint32_t n = number(s + i);

		sum[i / 4 % 2] +=
		    (big ? n : __builtin_bswap32(n)) + sum[1 - i / 4 % 2];
	}
}

/* Reads the header of the n-th frame, from 0 on.  False: it is not whole. */
static bool
read_frame(const struct wal *w, uint32_t n, unsigned char head[FRAME_HEADER])
{
	sqlite3_int64 at = WAL_HEADER + n * frame_size(w);

	return at + frame_size(w) <= w->size &&
	       w->file->pMethods->xRead(w->file, head, FRAME_HEADER, at) ==
		   SQLITE_OK;
}

static bool
has_sum(const unsigned char head[FRAME_HEADER], const uint32_t sum[2])
{
	return number(head + 16) == sum[0] && number(head + 20) == sum[1];
}

/* Is the last frame of the index still in the -wal, and not another there? */
static bool
frame_stands(const struct wal *w, const struct wal_index *x)
{
	unsigned char head[FRAME_HEADER];

	return x->frames == 0 ||
	       (read_frame(w, x->frames - 1, head) && has_sum(head, x->sum));
}

/*
 * Is the frame behind those of the index the one that was written after them?
 * If a publisher was killed, and another one has written over the first of the
 * frames that it left, the others are still there and look like a commit.  But
 * each frame has the checksum of all before it.
 */
static bool
frame_follows(const struct wal *w, const struct wal_index *x)
{
	unsigned char head[FRAME_HEADER], s[PAGE_MIN];
	sqlite3_int64 at =
	    WAL_HEADER + x->frames * frame_size(w) + FRAME_HEADER;
	sqlite3_int64 end = at + number(w->head + 8);
	uint32_t sum[2] = {number(w->head + 24), number(w->head + 28)};

	if (x->frames > 0)
		memcpy(sum, x->sum, sizeof(sum));
	if (!read_frame(w, x->frames, head))
		return false;
	add_to_sum(sum, w, head, 8);
	for (; at < end; at += PAGE_MIN) {
		if (w->file->pMethods->xRead(w->file, s, PAGE_MIN, at) !=
		    SQLITE_OK)
			return false;
		add_to_sum(sum, w, s, PAGE_MIN);
	}
	return has_sum(head, sum);
}

/*
 * Is there a commit behind the frames that are in the index?  The frames of a
 * transaction that is not committed, or was rolled back, have no size of the
 * log in them; those of an earlier life of the file have another salt.  There
 * may be more frames than one look has time for.
 */
static enum files_state
commit_after(struct files *f, const struct wal *w, const struct wal_index *x)
{
	unsigned char head[FRAME_HEADER];
	int i;

	if (frame_size(w) == 0)
		return FILES_SEEN;
	if (!frame_stands(w, x))
		return FILES_UNSEEN;
	if (!frame_follows(w, x))
		return FILES_SEEN;
	if (!is_same_index(x, &f->looking)) {
		f->looking = *x;
		f->looked = x->frames;
	}
	for (i = 0; i < FRAMES_MAX; i++, f->looked++) {
		if (!read_frame(w, f->looked, head) ||
		    memcmp(head + 8, w->head + 16, 8) != 0)
			return FILES_SEEN;
		if (number(head + 4) != 0)
			return FILES_UNSEEN;
	}
	return FILES_BUSY;
}

/*
 * Does the -wal have a commit that its index does not show?  An index of
 * another -wal shows nothing of this one.
 */
static enum files_state
judge_wal(struct files *f, const struct wal_index *x, const struct wal *w)
{
	bool is = w->size >= WAL_HEADER;

	if (!is || memcmp(x->salt, w->head + 16, sizeof(x->salt)) != 0) {
		if (x->frames > 0)
			return FILES_UNSEEN;
		/* Begun anew, and nothing was written since: all is old. */
		if (is && number(x->salt) == number(w->head + 16) + 1)
			return FILES_SEEN;
	}
	return commit_after(f, w, x);
}

/* --- what the files are in ---------------------------------------------- */

void
files_note(struct files *f, sqlite3 *db)
{
	f->read = stamp_of_open(f, db);
	f->plain = stamp_of(db, "");
}

void
files_opened(struct files *f, sqlite3 *db)
{
	if (!files_have_wal(f, db))
		return;
	if (read_index(f, db, &f->index)) {
		f->log = f->plain;
		f->read_index = f->index;
		if (is_same_stamp(stamp_of_open(f, db), f->read))
			return;
	}
	/* A checkpoint, or cp, was at work: what is of it is not known. */
	f->read.size = -1;
}

bool
files_moved(const struct files *f)
{
	return f->log.size > 0 && f->read.size == -1;
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

/* Has the log been written back to, or was the -wal begun anew? */
static bool
is_same_checkpoint(const struct wal_index *a, const struct wal_index *b)
{
	return a->backfilled == b->backfilled &&
	       memcmp(a->salt, b->salt, sizeof(a->salt)) == 0;
}

bool
files_torn(struct files *f, sqlite3 *db)
{
	struct stamp now = stamp_of_open(f, db);
	struct wal_index x, after;

	if (is_same_stamp(now, f->read))
		return false;
	if (!files_have_wal(f, db))
		return true;
	if (!read_index(f, db, &x))
		return false;
	/* What a checkpoint writes after this is in the next index... */
	now = stamp_of_open(f, db);
	/* ...and one that ends meanwhile is in the one that is read then. */
	if (is_being_written(f, db) || !read_index(f, db, &after) ||
	    !is_same_checkpoint(&x, &after))
		return false;
	if (f->read.size >= 0 && is_same_checkpoint(&x, &f->read_index))
		return true;
	f->read = now;
	f->read_index = x;
	return false;
}

/* What the files are in, if x is the index and these are their stamps. */
static enum files_state
judge_files(
    struct files *f, sqlite3 *db, const struct wal_index *x, bool log_moved)
{
	enum files_state state = FILES_SEEN;
	struct wal w;

	if (open_wal(&w, db))
		state = judge_wal(f, x, &w);
	if (state != FILES_SEEN)
		return state;
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
