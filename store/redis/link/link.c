/*
 * link.c - one connection to Redis that comes back by itself.
 *
 * Of hiredis only the parts that do no I/O are used: its reader of replies
 * and its writer of commands.  The Debian 12 version knows no TLS, and one
 * way to read and write serves the loop, which must not block, and writers,
 * which may, alike.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/clock.h"
#include "store/redis/link/dial.h"
#include "store/redis/link/link.h"

enum {
	RETRY_MIN_MS = 50,
	RETRY_MAX_MS = 5000,
	NAME_MS = 10000, /* c-ares gives up before that */
	GREET_MS = 3000	 /* from connecting to being up */
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
	l->retry_ms = 1;
}

/* Gives back what belongs to one connection. */
static void
drop(struct redis_link *l)
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
	l->deadline_ms = 0;
	l->ended = false;
	l->phase = LINK_DOWN;
}

void
redis_link_close(struct redis_link *l)
{
	drop(l);
	redis_dial_forget(l);
	l->fails = 0;
	l->retry_ms = 1;
}

/* The first attempts follow soon, and those of many do not come together. */
static int64_t
pause_ms(unsigned fails)
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
	drop(l);
	redis_dial_next(l);
	l->retry_ms = clock_steady_ms() + pause_ms(l->fails++);
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

/* A lost connection in words. */
static void
lost(struct redis_link *l, enum redis_io io)
{
	redis_link_fail(l, "%s",
	    io == IO_END || errno == 0 ? "connection closed" : strerror(errno));
}

static void
send_all(struct redis_link *l)
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
		lost(l, io);
}

static void
receive_all(struct redis_link *l)
{
	enum redis_io io = IO_DONE;
	char buf[65536];
	size_t n;

	while (io == IO_DONE) {
		errno = 0;
		io = read_some(l, buf, sizeof(buf), &n);
		if (io == IO_DONE &&
		    redisReaderFeed(l->reader, buf, n) != REDIS_OK) {
			redis_link_fail(l, "out of memory");
			return;
		}
	}
	/* What came before the end may be the reason for it: let it be read. */
	if (io == IO_END)
		l->ended = true;
	else if (io == IO_FAILED)
		lost(l, io);
}

static redisReply *
next_reply(struct redis_link *l)
{
	void *reply = NULL;

	if (l->reader == NULL)
		return NULL;
	if (redisReaderGetReply(l->reader, &reply) != REDIS_OK) {
		redis_link_fail(l, "not Redis: %s", l->reader->errstr);
		return NULL;
	}
	if (reply == NULL && l->ended)
		lost(l, IO_END);
	return reply;
}

/* Where all that is asked is refused, it is no use to come back at once. */
redisReply *
redis_link_get(struct redis_link *l)
{
	redisReply *r = l->phase == LINK_UP ? next_reply(l) : NULL;

	if (r != NULL && r->type != REDIS_REPLY_ERROR &&
	    r->type != REDIS_REPLY_STATUS)
		l->fails = 0;
	return r;
}

/* --- phases ------------------------------------------------------------- */

/* The descriptor that this phase waits for, or -1. */
static int
awaited(const struct redis_link *l)
{
	return l->name != NULL ? redis_name_fd(l->name) : l->fd;
}

static uint32_t
awaited_for(const struct redis_link *l)
{
	if (l->phase == LINK_CONNECTING)
		return EPOLLOUT;
	return l->out.at < l->out.len ? EPOLLIN | EPOLLOUT : EPOLLIN;
}

/* Tells epoll what this phase waits for. */
static void
set_wants(struct redis_link *l)
{
	struct epoll_event ev = {.events = awaited_for(l)};
	int fd = awaited(l);

	if (fd == -1 || l->epoll_fd == -1 ||
	    (fd == l->watched && ev.events == l->wants))
		return;
	ev.data.fd = fd;
	if (epoll_ctl(l->epoll_fd,
		fd == l->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd,
		&ev) == -1) {
		redis_link_fail(l, "epoll: %s", strerror(errno));
		return;
	}
	l->watched = fd;
	l->wants = ev.events;
}

/* The reader of replies is there before the first can come. */
static void
begin_connect(struct redis_link *l)
{
	l->deadline_ms = clock_steady_ms() + NAME_MS;
	l->retry_ms = 0;
	l->greeting = 0;
	if ((l->reader = redisReaderCreate()) == NULL)
		redis_link_fail(l, "out of memory");
	else
		redis_dial(l);
	if (l->phase == LINK_CONNECTING)
		l->deadline_ms = clock_steady_ms() + GREET_MS;
}

/* The name's answer came, or is late. */
static void
name_turn(struct redis_link *l)
{
	redis_dial_named(l);
	l->watched = l->name != NULL ? l->watched : -1;
	if (l->phase == LINK_CONNECTING)
		l->deadline_ms = clock_steady_ms() + GREET_MS;
}

/* The way is open: say who we are. */
static void
begin_greeting(struct redis_link *l)
{
	l->phase = redis_dial_greet(l);
}

static void
connected(struct redis_link *l)
{
	struct pollfd pfd = {.fd = l->fd, .events = POLLOUT};
	int error = 0;
	socklen_t size = sizeof(error);

	if (poll(&pfd, 1, 0) != 1)
		return;
	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
		error = errno;
	if (error != 0) {
		redis_link_fail(l, "%s", strerror(error));
		return;
	}
	if (!l->url->tls) {
		begin_greeting(l);
		return;
	}
	l->tls = redis_tls_open(l->fd, l->url->ca,
	    l->at_master ? l->master : l->url->host[l->host].name, l->why,
	    sizeof(l->why));
	if (l->tls == NULL)
		redis_link_fail(l, "%s", strdupa(l->why));
	else
		l->phase = LINK_TLS;
}

static void
shake(struct redis_link *l)
{
	char why[160] = "";

	switch (redis_tls_shake(l->tls, why, sizeof(why))) {
	case IO_DONE:
		begin_greeting(l);
		break;
	case IO_READ:
	case IO_WRITE:
		break;
	default:
		redis_link_fail(l, "%s", why);
	}
}

/* Takes the replies to what was said in greeting. */
static void
take_greeting(struct redis_link *l)
{
	redisReply *r;

	while ((l->phase == LINK_GREETING || l->phase == LINK_ASKING) &&
	       (r = next_reply(l)) != NULL) {
		redis_dial_take(l, r);
		freeReplyObject(r);
	}
	if (l->phase == LINK_DOWN && l->fd != -1) { /* on to the master */
		drop(l);
		l->retry_ms = 1;
	}
	if (l->phase != LINK_UP)
		return;
	l->hopeless = false;
	l->deadline_ms = 0;
	l->session++;
}

static void
exchange(struct redis_link *l)
{
	send_all(l);
	if (l->fd != -1)
		receive_all(l);
	if (l->fd != -1 && l->phase != LINK_UP)
		take_greeting(l);
	/* A greeting may be followed by another's, or by what was queued. */
	if (l->fd != -1 && l->out.at < l->out.len)
		send_all(l);
}

void
redis_link_turn(struct redis_link *l)
{
	int64_t now = clock_steady_ms();

	if (l->phase == LINK_DOWN && l->retry_ms != 0 && now >= l->retry_ms)
		begin_connect(l);
	else if (l->phase == LINK_NAMING)
		name_turn(l);
	if (l->phase == LINK_CONNECTING)
		connected(l);
	if (l->phase == LINK_TLS)
		shake(l);
	if (l->phase >= LINK_ASKING)
		exchange(l);
	if (l->phase != LINK_DOWN && l->deadline_ms != 0 &&
	    now >= l->deadline_ms)
		redis_link_fail(l, "%s",
		    l->phase == LINK_NAMING ? strdupa(l->why) : "no answer");
	set_wants(l);
}

void
redis_link_send(struct redis_link *l)
{
	if (l->phase == LINK_UP)
		send_all(l);
	set_wants(l);
}

int64_t
redis_link_due(const struct redis_link *l)
{
	int64_t now;

	if (l->phase != LINK_NAMING)
		return l->phase == LINK_DOWN ? l->retry_ms : l->deadline_ms;
	now = clock_steady_ms();
	return now + redis_name_wait_ms(l->name, l->deadline_ms - now);
}

/* --- waiting ------------------------------------------------------------ */

/* Until something came or is due.  False: the time has passed. */
static bool
wait_turn(struct redis_link *l, int64_t until_ms)
{
	int64_t now = clock_steady_ms(), due = redis_link_due(l), ms;
	struct pollfd pfd = {.fd = awaited(l), .events = POLLIN};

	if (awaited_for(l) & EPOLLOUT)
		pfd.events |= POLLOUT;
	ms = due != 0 && due < until_ms ? due - now : until_ms - now;
	poll(&pfd, 1, ms < 0 ? 0 : (int)ms);
	redis_link_turn(l);
	return clock_steady_ms() < until_ms;
}

bool
redis_link_wait_up(struct redis_link *l, int64_t until_ms)
{
	redis_link_turn(l);
	if (l->phase == LINK_DOWN && l->hopeless)
		return false; /* and it is not yet tried again */
	l->hopeless = false;
	while (l->phase != LINK_UP && !l->hopeless && wait_turn(l, until_ms))
		continue;
	return l->phase == LINK_UP;
}

redisReply *
redis_link_wait(struct redis_link *l, int64_t until_ms)
{
	redisReply *r = redis_link_get(l);

	if (r != NULL)
		return r;
	redis_link_turn(l);
	while ((r = redis_link_get(l)) == NULL && l->phase == LINK_UP)
		if (!wait_turn(l, until_ms))
			break;
	return r != NULL ? r : redis_link_get(l);
}
