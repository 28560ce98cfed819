/*
 * phase.c - a connection's phases, from looking up the host to being up.
 *
 * A turn does what can be done now and blocks for nothing.  A writer, which
 * may wait, takes turns until a reply has come or its time is over.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "store/clock.h"
#include "store/redis/link/dial.h"

enum {
	NAME_MS = 10000, /* c-ares gives up before that */
	GREET_MS = 3000	 /* from connecting to being up */
};

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

static void
begin_connect(struct redis_link *l)
{
	l->deadline_ms = clock_steady_ms() + NAME_MS;
	l->retry_ms = 0;
	l->greeting = 0;
	if (!redis_link_make_reader(l))
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
		l->phase = redis_greet(l);
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
		l->phase = redis_greet(l);
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
	       (r = redis_link_next_reply(l)) != NULL) {
		redis_greet_take(l, r);
		freeReplyObject(r);
	}
	if (l->phase == LINK_DOWN && l->fd != -1) { /* the master is next */
		redis_link_drop(l);
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
	redis_link_send_all(l);
	if (l->fd != -1)
		redis_link_receive_all(l);
	if (l->fd != -1 && l->phase != LINK_UP)
		take_greeting(l);
	/* A greeting may be followed by another's, or by what was queued. */
	if (l->fd != -1 && l->out.at < l->out.len)
		redis_link_send_all(l);
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
		redis_link_send_all(l);
	set_wants(l);
}

int64_t
redis_link_due(const struct redis_link *l)
{
	int64_t now;

	if (l->phase == LINK_UP && l->more)
		return 1;
	if (l->phase != LINK_NAMING)
		return l->phase == LINK_DOWN ? l->retry_ms : l->deadline_ms;
	now = clock_steady_ms();
	return now + redis_name_wait_ms(l->name, l->deadline_ms - now);
}

/* --- waiting ------------------------------------------------------------ */

/* Waits until something came or is due.  False: the time is over. */
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
