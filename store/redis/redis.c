/*
 * redis.c - the event log in a Redis stream: opening, closing, the functions
 * that it is made of.
 *
 * A log is opened for reading even when Redis cannot be reached: streams wait
 * until it can.  Trouble that does not pass by itself is refused, such as a
 * wrong password or a log that was never made.
 */
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/clock.h"
#include "store/redis/redis.h"

static void
redis_set_poll(struct store *st, unsigned ms)
{
	redis_of(st)->poll_ms = ms;
}

/* Answers are good for this turn; so they go when it ends. */
static void
redis_hold(struct store *st, bool hold)
{
	struct redis *rs = redis_of(st);

	rs->held = hold;
	if (hold)
		return;
	redis_ask_expire(rs);
	rs->served.is = false;
}

static void
redis_close(struct store *st)
{
	struct redis *rs = redis_of(st);
	size_t i;

	redis_link_close(&rs->news);
	redis_link_close(&rs->link);
	for (i = 0; i < REDIS_ASKS; i++)
		redis_ask_free(rs, &rs->ask[i]);
	redis_news_close(rs);
	redis_search_forget(rs);
	redis_entries_forget(rs);
	redis_ends_forget(rs);
	redis_newest_free(rs);
	if (rs->timer_fd != -1)
		close(rs->timer_fd);
	if (rs->base.fd != -1)
		close(rs->base.fd);
	redis_url_free(rs->url);
	free(rs);
}

static const struct store_ops ops = {
    .close = redis_close,
    .read = redis_read,
    .seek = redis_seek,
    .place = redis_place,
    .end = redis_end_of,
    .hold = redis_hold,
    .set_poll = redis_set_poll,
    .news = redis_news,
    .revocations = redis_revocations,
    .revoked = redis_revoked,
    .append = redis_append,
    .append_all = redis_append_all,
    .set_synchronous = redis_set_synchronous,
    .numbers = redis_numbers,
    .removed = redis_removed,
    .copy_begin = redis_copy_begin,
    .copy_in = redis_copy_in,
};

/* --- opening ------------------------------------------------------------ */

/* The descriptors that a reader's loop waits for. */
static int
open_fds(struct redis *rs)
{
	struct epoll_event ev = {.events = EPOLLIN};

	rs->base.fd = epoll_create1(EPOLL_CLOEXEC);
	rs->timer_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (rs->base.fd == -1 || rs->timer_fd == -1 ||
	    epoll_ctl(rs->base.fd, EPOLL_CTL_ADD, rs->timer_fd, &ev) == -1) {
		store_set_why(&rs->base, "%s", strerror(errno));
		return -1;
	}
	return 0;
}

static bool
put_look(void *arg)
{
	struct redis *rs = arg;

	return redis_put_state(rs, &rs->news, rs->mark);
}

/* Redis has answered the first question. */
static enum store_result
take_look(struct redis *rs, const redisReply *r, char *why, size_t size)
{
	struct redis_state st;

	if (r->type == REDIS_REPLY_ERROR)
		return redis_trouble(rs->url, r, why, size);
	if (!redis_state_read(r, &st)) {
		snprintf(why, size, "%s", redis_state_why(r));
		return STORE_ERROR;
	}
	if (st.log_id[0] == '\0') {
		snprintf(why, size, "%s", redis_no_log);
		return STORE_ERROR;
	}
	redis_state_adopt(rs, &st);
	redis_ask_answered(rs, &st);
	return STORE_OK;
}

/*
 * The first look at the log.  STORE_BUSY: it cannot be read now.  STORE_ERROR:
 * nor later, unless somebody does something.
 */
static enum store_result
redis_first_look(struct redis *rs)
{
	struct redis_link *l = &rs->news;
	redisReply *r =
	    redis_link_call(l, put_look, rs, redis_until(rs, REDIS_OPEN_MS));
	enum store_result result = l->hopeless ? STORE_ERROR : STORE_BUSY;
	char why[160];

	snprintf(why, sizeof(why), "%.150s",
	    l->why[0] != '\0' ? l->why : "no answer");
	if (r != NULL) {
		result = take_look(rs, r, why, sizeof(why));
		freeReplyObject(r);
	}
	if (result == STORE_ERROR)
		store_set_why(&rs->base, "%s: %s", rs->url->shown, why);
	if (result != STORE_BUSY)
		return result;
	redis_bad(rs, why);
	rs->base.bad_since_ms -=
	    STORE_BAD_MS; /* at the start it is told at once */
	return STORE_BUSY;
}

static struct redis *
make_redis(
    const char *path, enum store_mode mode, int wait_ms, char *why, size_t size)
{
	struct redis *rs = calloc(1, sizeof(*rs));

	if (rs == NULL) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	rs->base.ops = &ops;
	rs->base.dashed = true;
	rs->mode = mode;
	rs->wait_ms = wait_ms;
	rs->poll_ms = 250;
	rs->rows = 64;
	rs->base.fd = rs->timer_fd = -1;
	rs->news.fd = rs->link.fd = -1;
	if ((rs->url = redis_url_read(path, why, size)) == NULL) {
		redis_close(&rs->base);
		return NULL;
	}
	return rs;
}

struct store *
redis_open(
    const char *path, enum store_mode mode, int wait_ms, char *why, size_t size)
{
	struct redis *rs = make_redis(path, mode, wait_ms, why, size);
	enum store_result r = STORE_ERROR;

	if (rs == NULL)
		return NULL;
	if (mode == STORE_READ && open_fds(rs) == 0) {
		redis_link_init(
		    &rs->news, rs->url, redis_script_state, rs->base.fd);
		redis_link_init(
		    &rs->link, rs->url, redis_script_state, rs->base.fd);
		r = redis_first_look(rs);
		rs->session = r == STORE_OK ? rs->news.session : 0;
		redis_news_ask(rs);
		redis_arm(rs);
	} else if (mode == STORE_WRITE) {
		redis_link_init(&rs->link, rs->url, redis_script_append, -1);
		r = redis_writer_look(rs);
	}
	if (r == STORE_OK || r == STORE_BUSY)
		return &rs->base;
	snprintf(why, size, "%s", rs->base.why);
	redis_close(&rs->base);
	return NULL;
}
