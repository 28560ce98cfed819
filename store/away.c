/*
 * away.c - a store in the place of a log that is away.
 *
 * A responder that a web server or spawn-fcgi has started must not end because
 * its log is not there: nobody would start it again.  It answers with this, and
 * tries to open the log until it can.
 */
#include <sys/stat.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/engine.h"

enum {
	LOOKS_MAX = 8 /* at files that are written to all the time */
};

struct away {
	struct store base;
	struct stat log, wal; /* as they were at the last look */
	int looks;
};

static void
away_close(struct store *st)
{
	free(st);
}

static enum store_result
away_read(struct store *st, struct store_id after, const struct store_topic *t,
    size_t n, size_t limit, store_each *each, void *arg,
    struct store_span *span)
{
	(void)st;
	(void)after;
	(void)t;
	(void)n;
	(void)limit;
	(void)each;
	(void)arg;
	(void)span;
	return STORE_BUSY;
}

static enum store_result
away_seek(struct store *st, struct store_seek *seek, struct store_id *id)
{
	(void)st;
	(void)seek;
	(void)id;
	return STORE_BUSY;
}

static bool
away_place(struct store *st, struct store_id *id, int64_t *time_ms)
{
	(void)st;
	(void)id;
	(void)time_ms;
	return false;
}

static enum store_result
away_end(struct store *st, struct store_text topic, struct store_id *end)
{
	(void)st;
	(void)topic;
	(void)end;
	return STORE_BUSY;
}

static void
away_hold(struct store *st, bool hold)
{
	(void)st;
	(void)hold;
}

static void
away_set_poll(struct store *st, unsigned ms)
{
	(void)st;
	(void)ms;
}

static enum store_news
away_news(struct store *st, struct store_id *id)
{
	(void)st;
	(void)id;
	return STORE_QUIET;
}

static enum store_result
away_revocations(struct store *st, struct store_id *after, size_t limit,
    store_each_revoked *each, void *arg)
{
	(void)st;
	(void)after;
	(void)limit;
	(void)each;
	(void)arg;
	return STORE_BUSY;
}

static enum store_result
away_revoked(struct store *st, struct store_text subject, int64_t issued_ms,
    store_each_revoked *each, void *arg)
{
	(void)st;
	(void)subject;
	(void)issued_ms;
	(void)each;
	(void)arg;
	return STORE_BUSY;
}

/* Nobody writes to it. */
static const struct store_ops ops = {
    .close = away_close,
    .read = away_read,
    .seek = away_seek,
    .place = away_place,
    .end = away_end,
    .hold = away_hold,
    .set_poll = away_set_poll,
    .news = away_news,
    .revocations = away_revocations,
    .revoked = away_revoked,
};

struct store *
store_open_away(const char *why)
{
	struct away *aw = calloc(1, sizeof(*aw));
	struct store *st;

	if (aw == NULL)
		return NULL;
	st = &aw->base;
	st->ops = &ops;
	st->fd = -1;
	st->bad_since_ms = clock_steady_ms() - STORE_BAD_MS;
	store_set_why(st, "%s", why);
	/* Whoever could not open the log has its words alone. */
	if (strstr(why, ": " STORE_NEWER ", ") != NULL)
		store_set_newer(st);
	return st;
}

/* --- a log that comes --------------------------------------------------- */

/* What has the name now; all 0: nothing. */
static struct stat
look_at(const char *path, const char *suffix)
{
	char name[PATH_MAX];
	struct stat sb;

	memset(&sb, 0, sizeof(sb));
	if (snprintf(name, sizeof(name), "%s%s", path, suffix) >= PATH_MAX ||
	    stat(name, &sb) == -1)
		memset(&sb, 0, sizeof(sb));
	return sb;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool
store_away_rests(struct store *st, const char *path)
{
	struct away *aw = (struct away *)st;
	struct stat log = look_at(path, ""), wal = look_at(path, "-wal");
	bool rests = is_same(&log, &aw->log) && is_same(&wal, &aw->wal);

	aw->log = log;
	aw->wal = wal;
	if (!rests && ++aw->looks < LOOKS_MAX)
		return false;
	aw->looks = 0;
	return true;
}
