/*
 * link.c - the bytes of a connection to Redis: commands out, replies in.
 *
 * Of hiredis only the parts that do no I/O are used: its reader of replies
 * and its writer of commands.  The version of Debian 12 knows no TLS.  And so
 * one way to read and write serves both the loop, which must not block, and
 * writers, which may wait.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/clock.h"
#include "store/redis/link/link.h"

enum {
	RETRY_MIN_MS = 50,
	RETRY_MAX_MS = 5000,
	RECEIVE_MAX = 256 * 1024 /* what is received in one turn */
};

void
redis_link_init(struct redis_link *l, const struct redis_url *url,
    const char *script, int epoll_fd)
{
	memset(l, 0, sizeof(*l));
	l->url = url;
	l->script = script;
	l->fd = l->watched = -1;
	l->epoll_fd = epoll_fd;
	l->most = REDIS_REPLY_MAX;
	l->retry_ms = 1;
}

void
redis_link_drop(struct redis_link *l)
{
	redis_name_close(l->name); /* epoll forgets what is closed */
	l->name = NULL;
	redis_tls_close(l->tls);
	l->tls = NULL;
	if (l->fd != -1)
		close(l->fd);
	l->fd = l->watched = -1;
	l->wants = 0;
	if (l->reader != NULL)
		redisReaderFree(l->reader);
	l->reader = NULL;
	free(l->out.s);
	memset(&l->out, 0, sizeof(l->out));
	l->fed = l->elements = 0;
	l->deadline_ms = 0;
	l->ended = l->more = false;
	l->phase = LINK_DOWN;
}

void
redis_link_forget_host(struct redis_link *l)
{
	l->found.n = l->found.at = 0;
	l->master[0] = '\0';
	l->at_master = false;
}

/* The next attempt goes to the next address, and after the last to a host. */
static void
try_next_host(struct redis_link *l)
{
	if (l->found.at < l->found.n && ++l->found.at < l->found.n)
		return;
	redis_link_forget_host(l);
	if (l->url->nhosts > 0)
		l->host = (l->host + 1) % l->url->nhosts;
}

void
redis_link_close(struct redis_link *l)
{
	redis_link_drop(l);
	redis_link_forget_host(l);
	l->fails = 0;
	l->retry_ms = 1;
}

/* The first attempts come soon; a random part keeps many links apart. */
static int64_t
retry_pause_ms(unsigned fails)
{
	int64_t ms = fails > 7 ? RETRY_MAX_MS : RETRY_MIN_MS << fails;

	if (ms > RETRY_MAX_MS)
		ms = RETRY_MAX_MS;
	return ms / 2 + random() % (ms / 2 + 1);
}

void
redis_link_fail(struct redis_link *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->why, sizeof(l->why), fmt, ap);
	va_end(ap);
	redis_clean(l->url, l->why);
	l->kind = REDIS_OTHER;
	redis_link_drop(l);
	try_next_host(l);
	l->retry_ms = clock_steady_ms() + retry_pause_ms(l->fails++);
}

/* --- bytes -------------------------------------------------------------- */

bool
redis_link_put_bytes(struct redis_link *l, const char *s, size_t len)
{
	size_t size = l->out.size;
	char *p;

	if (l->out.at > 0 && l->out.at == l->out.len)
		l->out.at = l->out.len = 0;
	if (l->out.len + len > size) {
		size = (l->out.len + len) * 2;
		if ((p = realloc(l->out.s, size)) == NULL) {
			redis_link_fail(l, "out of memory");
			return false;
		}
		l->out.s = p;
		l->out.size = size;
	}
	memcpy(l->out.s + l->out.len, s, len);
	l->out.len += len;
	return true;
}

bool
redis_link_put(
    struct redis_link *l, int argc, const char **argv, const size_t *lens)
{
	char *cmd = NULL;
	int len = redisFormatCommandArgv(&cmd, argc, argv, lens);
	bool ok = len >= 0 && redis_link_put_bytes(l, cmd, (size_t)len);

	if (len >= 0)
		free(cmd);
	return ok;
}

static enum redis_io
plain_outcome(ssize_t n, enum redis_io again)
{
	if (n == 0)
		return IO_END;
	if (n > 0)
		return IO_DONE;
	return errno == EAGAIN || errno == EINTR ? again : IO_FAILED;
}

static enum redis_io
read_some(struct redis_link *l, char *buf, size_t size, size_t *n)
{
	ssize_t got;

	if (l->tls != NULL)
		return redis_tls_read(l->tls, buf, size, n);
	got = recv(l->fd, buf, size, MSG_DONTWAIT);
	*n = got > 0 ? (size_t)got : 0;
	return plain_outcome(got, IO_READ);
}

static enum redis_io
write_some(struct redis_link *l, size_t *n)
{
	const char *s = l->out.s + l->out.at;
	size_t len = l->out.len - l->out.at;
	ssize_t put;

	if (l->tls != NULL)
		return redis_tls_write(l->tls, s, len, n);
	put = send(l->fd, s, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	*n = put > 0 ? (size_t)put : 0;
	return plain_outcome(put, IO_WRITE);
}

/* Says in words why the connection was lost. */
static void
lose(struct redis_link *l, enum redis_io io)
{
	redis_link_fail(l, "%s",
	    io == IO_END || errno == 0 ? "connection closed" : strerror(errno));
}

void
redis_link_send_all(struct redis_link *l)
{
	enum redis_io io = IO_DONE;
	size_t n;

	while (io == IO_DONE && l->out.at < l->out.len) {
		errno = 0;
		io = write_some(l, &n);
		if (io == IO_DONE)
			l->out.at += n;
	}
	if (io == IO_END || io == IO_FAILED)
		lose(l, io);
}

static void
too_large(struct redis_link *l)
{
	redis_link_fail(l, "it sent an answer larger than any may be");
	l->kind = REDIS_TOO_LARGE;
}

/* False: the connection is given up. */
static bool
feed(struct redis_link *l, const char *s, size_t len)
{
	l->fed += len;
	if (l->fed > l->most)
		too_large(l);
	else if (redisReaderFeed(l->reader, s, len) != REDIS_OK)
		redis_link_fail(l, "out of memory");
	else
		return true;
	return false;
}

/*
 * What is left over waits for the next turn, so that one turn does not take
 * long.  The socket stays readable until then, but TLS may have taken all.
 */
void
redis_link_receive_all(struct redis_link *l)
{
	enum redis_io io = IO_DONE;
	char buf[65536];
	size_t n, all = 0;

	while (io == IO_DONE && all < RECEIVE_MAX) {
		errno = 0;
		io = read_some(l, buf, sizeof(buf), &n);
		if (io == IO_DONE && !feed(l, buf, n))
			return;
		all += n;
	}
	l->more = io == IO_DONE;
	/* What came before the end may say why it ended: let it be read first.
	 */
	if (io == IO_END)
		l->ended = true;
	else if (io == IO_FAILED)
		lose(l, io);
}

/* --- replies ------------------------------------------------------------ */

/* Version 1 of hiredis counts elements otherwise than version 0. */
#if HIREDIS_MAJOR >= 1
typedef size_t elements_t;
#else
typedef int elements_t;
#endif

/*
 * An array says how many elements it has before they come, and hiredis makes
 * room for all of them at once.
 */
static void *
make_array(const redisReadTask *task, elements_t n)
{
	struct redis_link *l = task->privdata;

	if ((size_t)n > REDIS_ELEMENTS_MAX - l->elements) {
		l->elements = REDIS_ELEMENTS_MAX + 1;
		return NULL;
	}
	l->elements += (size_t)n;
	return l->plain->createArray(task, n);
}

bool
redis_link_make_reader(struct redis_link *l)
{
	l->fed = l->elements = 0;
	l->reader = redisReaderCreate();
	if (l->reader == NULL)
		return false;
	l->plain = l->reader->fn;
	l->makers = *l->plain;
	l->makers.createArray = make_array;
	l->reader->fn = &l->makers;
	l->reader->privdata = l;
	return true;
}

redisReply *
redis_link_next_reply(struct redis_link *l)
{
	void *reply = NULL;

	if (l->reader == NULL)
		return NULL;
	if (redisReaderGetReply(l->reader, &reply) != REDIS_OK) {
		if (l->elements > REDIS_ELEMENTS_MAX)
			too_large(l);
		else
			redis_link_fail(l, "not Redis: %s", l->reader->errstr);
		return NULL;
	}
	if (reply == NULL && l->ended)
		lose(l, IO_END);
	else if (reply != NULL) {
		l->fed = l->reader->len - l->reader->pos;
		l->elements = 0;
	}
	return reply;
}

/* A Redis that refuses everything is left alone longer and longer. */
redisReply *
redis_link_get(struct redis_link *l)
{
	redisReply *r = l->phase == LINK_UP ? redis_link_next_reply(l) : NULL;

	if (r != NULL && r->type != REDIS_REPLY_ERROR &&
	    r->type != REDIS_REPLY_STATUS)
		l->fails = 0;
	return r;
}
