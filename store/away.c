/*
 * away.c - a store in the place of a log that is away.
 *
 * A responder that a web server or spawn-fcgi has started must not end because
 * its log is not there: nobody would start it again.  It answers with this, and
 * tries to open the log until it can.
 */
#include <stdlib.h>

#include "store/engine.h"

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
    .hold = away_hold,
    .set_poll = away_set_poll,
    .news = away_news,
    .revocations = away_revocations,
    .revoked = away_revoked,
};

struct store *
store_open_away(const char *why)
{
	struct store *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->ops = &ops;
	st->fd = -1;
	st->bad_since_ms = clock_steady_ms() - STORE_BAD_MS;
	store_set_why(st, "%s", why);
	return st;
}
