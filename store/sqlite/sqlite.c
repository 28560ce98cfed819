/*
 * sqlite.c - the event log in a SQLite file: opening, closing, the functions
 * that it is made of.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/place.h"
#include "store/sqlite/sqlite.h"

enum {
	OPEN_MS = 1000,	    /* of a writer, while the files are moved */
	OPEN_PAUSE_MS = 100 /* from one try to the next */
};

static void
sqlite_hold(struct store *st, bool hold)
{
	struct sqlite *sq = sqlite_of(st);

	sq->hold = hold;
	if (!hold)
		sqlite_end(sq);
}

static void
sqlite_wait(struct store *st)
{
	struct sqlite *sq = sqlite_of(st);

	sqlite_hold(st, false);
	if (sq->watching)
		sqlite_news_arm(&sq->news);
}

static void
sqlite_close(struct store *st)
{
	struct sqlite *sq = sqlite_of(st);

	sqlite_detach(sq);
	if (sq->watching)
		sqlite_news_close(&sq->news);
	free(sq->path);
	free(sq);
}

static void
sqlite_rest(struct store *st)
{
	sqlite_detach(sqlite_of(st));
}

static const struct store_ops ops = {
    .close = sqlite_close,
    .read = sqlite_read,
    .seek = sqlite_seek,
    .place = sqlite_place,
    .end = sqlite_end_of,
    .hold = sqlite_hold,
    .wait = sqlite_wait,
    .set_poll = sqlite_set_poll,
    .news = sqlite_news,
    .revocations = sqlite_revocations,
    .revoked = sqlite_revoked,
    .append = sqlite_append,
    .append_all = sqlite_append_all,
    .rest = sqlite_rest,
    .set_synchronous = sqlite_set_synchronous,
    .size = sqlite_size,
    .numbers = sqlite_numbers,
    .removed = sqlite_removed,
    .copy_begin = sqlite_copy_begin,
    .copy_in = sqlite_copy_in,
};

/*
 * Opens the log for the first time.  SQLite removes the -wal of an empty file,
 * and what moves while it is opened is left to follow.c.
 */
static enum store_result
attach_first(struct sqlite *sq)
{
	enum store_result r;
	struct stat sb;

	if (stat(sq->path, &sb) == 0 && sb.st_size == 0)
		return sqlite_no_log(sq);
	r = sqlite_attach(sq);
	if (r != STORE_OK || sq->mode == STORE_WRITE ||
	    files_same(&sq->follow.files, sq->db, sq->path))
		return r;
	sqlite_let_go(sq, FOLLOW_SETTLE_MS);
	return STORE_BUSY;
}

/* The first look at the log; trouble that may pass is left to the sweep. */
static enum store_result
sqlite_first_look(struct sqlite *sq)
{
	enum store_result r = attach_first(sq);
	struct identity_read rd;

	if (r == STORE_OK)
		r = sqlite_enter_any(sq, &rd);
	if (r != STORE_OK)
		return r;
	identity_take(sq, &rd);
	sqlite_end(sq);
	return sq->base.log_id[0] != '\0' ? STORE_OK : sqlite_no_log(sq);
}

static enum store_result
reader_looks(struct sqlite *sq)
{
	enum store_result r = sqlite_first_look(sq);

	sqlite_in_loop(sq);
	return r;
}

/*
 * A writer may wait.  While the files are moved what has their names may not
 * fit together, and whoever has them open lets go of them at once.
 */
static enum store_result
writer_looks(struct sqlite *sq)
{
	enum store_result r = sqlite_first_look(sq);
	int left = sq->wait_ms == STORE_PATIENT ? OPEN_MS : sq->wait_ms;

	for (; left >= OPEN_PAUSE_MS && r == STORE_BUSY && sq->follow.broken;
	     left -= OPEN_PAUSE_MS) {
		sqlite_detach(sq);
		usleep(OPEN_PAUSE_MS * 1000);
		r = sqlite_first_look(sq);
	}
	return r;
}

struct store *
sqlite_open(
    const char *path, enum store_mode mode, int wait_ms, char *why, size_t size)
{
	struct sqlite *sq = calloc(1, sizeof(*sq));
	enum store_result r = STORE_ERROR;
	struct stat sb;

	if (sq == NULL || (sq->path = strdup(path)) == NULL) {
		free(sq);
		sqlite3_snprintf((int)size, why, "out of memory");
		return NULL;
	}
	sq->base.ops = &ops;
	sq->mode = mode;
	sq->wait_ms = wait_ms;
	if (stat(path, &sb) == -1)
		store_set_why(&sq->base, "%s: %s%s", path, strerror(errno),
		    errno == ENOENT ? ": make it with: largesse init" : "");
	else if (!S_ISREG(sb.st_mode))
		store_set_why(&sq->base, "%s: it is no file", path);
	else if (mode == STORE_READ &&
		 !(sq->watching = true, sqlite_news_open(&sq->news, path) == 0))
		store_set_why(&sq->base, "%s: cannot watch its directory: %s",
		    path, strerror(errno));
	else {
		sq->base.fd = sq->news.epoll_fd;
		r = mode == STORE_WRITE ? writer_looks(sq) : reader_looks(sq);
	}
	if (r == STORE_BUSY &&
	    (wait_ms != STORE_PATIENT || place_read_only(path)))
		sq->base.bad_since_ms -= STORE_BAD_MS; /* told at once */
	if (r == STORE_OK || (r == STORE_BUSY && mode == STORE_READ)) {
		place_doubt(path, sq->base.doubt, sizeof(sq->base.doubt));
		return &sq->base;
	}
	sqlite3_snprintf((int)size, why, "%s", sq->base.why);
	sqlite_close(&sq->base);
	return NULL;
}
