/*
 * door.c - finds the engine of a log and passes on what is asked of it.
 */
#include <stdio.h>
#include <string.h>

#include "store/engine.h"
#include "store/redis/link/url.h"

/* --- a log that is named ------------------------------------------------ */

/*
 * Why this can be no name of a log in a file; NULL if it can.  SQLite takes
 * such names for something else, and not in all of its functions.
 */
static const char *
wrong_name(const char *path)
{
	if (*path == '\0')
		return "the name of a log is empty";
	if (strcmp(path, ":memory:") == 0)
		return "a log is a file; for a file of this name put ./ "
		       "before it";
	if (strncmp(path, "file:", 5) == 0)
		return "a log is named by the path of its file, not by a URI; "
		       "for a file of this name put ./ before it";
	return NULL;
}

/* Is path the name of a log in a file?  If it is no name at all, why. */
static bool
is_file(const char *path, char *why, size_t size)
{
	const char *wrong = wrong_name(path);

	if (wrong != NULL)
		snprintf(
		    why, size, "%s: %s", *path != '\0' ? path : "''", wrong);
	return wrong == NULL;
}

struct store *
store_open_within(
    const char *path, enum store_mode mode, int wait_ms, char *why, size_t size)
{
	if (redis_url_is(path))
		return redis_open(path, mode, wait_ms, why, size);
	return is_file(path, why, size)
		   ? sqlite_open(path, mode, wait_ms, why, size)
		   : NULL;
}

struct store *
store_open(const char *path, enum store_mode mode, char *why, size_t size)
{
	return store_open_within(path, mode, STORE_PATIENT, why, size);
}

bool
store_is_name(const char *path)
{
	struct redis_url *u;
	char why[256];

	if (!redis_url_is(path))
		return wrong_name(path) == NULL;
	u = redis_url_read(path, why, sizeof(why));
	redis_url_free(u);
	return u != NULL;
}

static bool
is_of_topics(const struct store_keep *keep)
{
	return keep != NULL && (keep->topic != NULL || keep->ended);
}

/* Says what no log on Redis does. */
static int
refuse_topics(const char *what, char *why, size_t size)
{
	snprintf(why, size,
	    "a log on Redis has no %s: run `prune --topic ... --ended "
	    "--keep-age ...' from cron",
	    what);
	return -1;
}

int
store_init(
    const char *path, const struct store_keep *keep, char *why, size_t size)
{
	if (redis_url_is(path) && is_of_topics(keep))
		return refuse_topics("limits of topics", why, size);
	if (redis_url_is(path))
		return redis_init(path, keep, why, size);
	return is_file(path, why, size) ? sqlite_init(path, keep, why, size)
					: -1;
}

int64_t
store_prune(
    const char *path, const struct store_keep *keep, char *why, size_t size)
{
	if (redis_url_is(path) && is_of_topics(keep) && !keep->ended)
		return refuse_topics(
		    "limits of topics that have not ended", why, size);
	if (redis_url_is(path))
		return redis_prune(path, keep, why, size);
	return is_file(path, why, size) ? sqlite_prune(path, keep, why, size)
					: -1;
}

int64_t
store_fold(
    const char *path, const struct store_fold *fold, char *why, size_t size)
{
	if (!redis_url_is(path))
		return is_file(path, why, size)
			   ? sqlite_fold(path, fold, why, size)
			   : -1;
	snprintf(why, size,
	    "a log on Redis cannot be folded: that is for a log in a SQLite "
	    "file");
	return -1;
}

int
store_check(const char *path, const struct store_check *check, char *summary,
    size_t size)
{
	if (redis_url_is(path))
		return redis_check(path, check, summary, size);
	if (wrong_name(path) == NULL)
		return sqlite_check(path, check, summary, size);
	snprintf(summary, size, "%s", wrong_name(path));
	return -1;
}

bool
store_is_remote(const char *path)
{
	return redis_url_is(path);
}

void
store_show(const char *path, char *buf, size_t size)
{
	struct redis_url *u = NULL;

	if (!redis_url_is(path)) {
		snprintf(buf, size, "%s", path);
		return;
	}
	if ((u = redis_url_read(path, buf, size)) != NULL)
		snprintf(buf, size, "%s", u->shown);
	redis_url_free(u);
}

static bool
has_tables(const char *path, char *why, size_t size)
{
	if (!redis_url_is(path))
		return is_file(path, why, size);
	snprintf(why, size,
	    "a log on Redis has no tables: watching them is for a log in a "
	    "SQLite file");
	return false;
}

int
store_watch(
    const char *path, const struct store_watch *watch, char *why, size_t size)
{
	return has_tables(path, why, size)
		   ? sqlite_watch(path, watch, why, size)
		   : -1;
}

int
store_unwatch(const char *path, const char *table, char *why, size_t size)
{
	return has_tables(path, why, size)
		   ? sqlite_unwatch(path, table, why, size)
		   : -1;
}

int
store_watched(const char *path, void (*each)(void *arg, const char *line),
    void *arg, char *why, size_t size)
{
	return has_tables(path, why, size)
		   ? sqlite_watched(path, each, arg, why, size)
		   : -1;
}

/* --- a log that is open ------------------------------------------------- */

void
store_close(struct store *st)
{
	if (st != NULL)
		st->ops->close(st);
}

const char *
store_why(const struct store *st)
{
	return st->why;
}

const char *
store_doubt(const struct store *st)
{
	return st->doubt[0] != '\0' ? st->doubt : NULL;
}

void
store_set_event_max(struct store *st, uint64_t bytes)
{
	st->event_max = bytes;
}

enum {
	SIZE_MS = 1000 /* from one time that the log is asked to the next */
};

void
store_size(struct store *st, struct store_size *size)
{
	int64_t now = clock_steady_ms();

	if (st->ops->size != NULL &&
	    (st->sized_ms == 0 || now - st->sized_ms >= SIZE_MS)) {
		st->ops->size(st, &st->size);
		st->sized_ms = now;
	}
	*size = st->size;
}

const char *
store_log_id(const struct store *st)
{
	return st->log_id;
}

enum store_result
store_read(struct store *st, struct store_id after,
    const struct store_topic *topics, size_t n, size_t limit, store_each *each,
    void *arg, struct store_span *span)
{
	return st->ops->read(st, after, topics, n, limit, each, arg, span);
}

void
store_hold(struct store *st)
{
	st->ops->hold(st, true);
}

void
store_release(struct store *st)
{
	st->ops->hold(st, false);
}

void
store_wait(struct store *st)
{
	if (st->ops->wait != NULL)
		st->ops->wait(st);
	else
		store_release(st);
}

bool
store_answered(const struct store *st)
{
	return st->answered;
}

enum store_result
store_seek(struct store *st, struct store_seek *seek, struct store_id *id)
{
	/* What was found in the log before means nothing in this one. */
	if (seek->come.life != st->life)
		seek->come = (struct store_come){.life = st->life};
	seek->folded = false;
	return st->ops->seek(st, seek, id);
}

uint64_t
store_cuts(const struct store *st)
{
	return st->cuts;
}

enum store_result
store_end(struct store *st, struct store_text topic, struct store_id *end)
{
	return st->ops->end(st, topic, end);
}

int
store_fd(const struct store *st)
{
	return st->fd;
}

void
store_set_poll(struct store *st, unsigned ms)
{
	st->ops->set_poll(st, ms);
}

enum store_news
store_news(struct store *st, struct store_id *id)
{
	enum store_news news = st->ops->news(st, id);

	if (news == STORE_REPLACED)
		st->life++;
	return news;
}

bool
store_healthy(const struct store *st)
{
	return st->bad_since_ms == 0 ||
	       clock_steady_ms() - st->bad_since_ms < STORE_BAD_MS;
}

int64_t
store_seen_ms(const struct store *st)
{
	return st->seen_ms;
}

const char *
store_warning(struct store *st)
{
	if (st->warning[0] == '\0' || st->warning_told)
		return NULL;
	st->warning_told = true;
	return st->warning;
}

enum store_result
store_revocations(struct store *st, struct store_id *after, size_t limit,
    store_each_revoked *each, void *arg)
{
	return st->ops->revocations(st, after, limit, each, arg);
}

bool
store_revocations_after(const struct store *st, struct store_id id)
{
	return store_id_cmp(st->revoked, id) > 0;
}

enum store_result
store_revoked(struct store *st, struct store_text subject, int64_t issued_ms,
    store_each_revoked *each, void *arg)
{
	return st->ops->revoked(st, subject, issued_ms, each, arg);
}

enum store_result
store_append(struct store *st, struct store_event *events, size_t n)
{
	return st->ops->append(st, events, n);
}

void
store_append_all(struct store *st, struct store_batch *batches, size_t n)
{
	st->ops->append_all(st, batches, n);
}

void
store_rest(struct store *st)
{
	if (st->ops->rest != NULL)
		st->ops->rest(st);
}

int
store_set_synchronous(struct store *st, bool on)
{
	return st->ops->set_synchronous(st, on);
}

enum store_result
store_numbers(struct store *st, uint64_t *n)
{
	return st->ops->numbers(st, n);
}

enum store_result
store_removed(struct store *st, struct store_id *id)
{
	return st->ops->removed(st, id);
}

enum store_result
store_copy_begin(struct store *st, const struct store_origin *from,
    struct store_copied *done, store_each *newest, void *arg)
{
	return st->ops->copy_begin(st, from, done, newest, arg);
}

enum store_result
store_copy_in(struct store *st, const struct store_copy *cp)
{
	return st->ops->copy_in(st, cp);
}
