/*
 * listen.c - accepts connections from the listening sockets.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/serve/listen.h"
#include "fcgi/serve/pending.h"
#include "fcgi/serve/sockets.h"

enum {
	ACCEPTS = 512,	    /* in one turn */
	SHARED_ACCEPTS = 8, /* so that other workers get some, too */
	PAUSE_MS = 100	    /* when we have no descriptors left */
};

static void on_connection(uv_poll_t *, int status, int events);

static int
watch_all(struct server *srv)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < srv->nlistens && rc == 0; i++)
		rc = uv_poll_start(
		    &srv->listens[i].poll, UV_READABLE, on_connection);
	return rc;
}

/* --- spread over the workers --------------------------------------------- */

void
listen_say(struct server *srv)
{
	if (srv->spread != NULL)
		spread_say(srv->spread, srv->hub.worker, connections(srv));
}

/* Has another worker got it?  One that closes serves those who are here. */
static bool
pass_on(struct server *srv, int fd)
{
	if (srv->spread == NULL)
		return false;
	listen_say(srv);
	return spread_accepted(srv->spread, srv->hub.worker, fd,
	    srv->hub.max_streams, clock_steady_ms());
}

/* Takes what was handed over, up to a bound. */
static void
take_handed(struct server *srv, bool all)
{
	int i, fd;

	for (i = 0; i < ACCEPTS && (all || !turn_spent(&srv->hub.turn)); i++) {
		fd = spread_take(
		    srv->spread, srv->hub.worker, clock_steady_ms());
		if (fd == -1)
			return;
		pending_open(srv, fd, false);
	}
}

static void
on_handed(uv_poll_t *handle, int status, int events)
{
	struct server *srv = handle->data;

	(void)status;
	(void)events;
	turn_step(&srv->hub.turn);
	take_handed(srv, false);
}

/* --- accepting ------------------------------------------------------------ */

static void
watch_none(struct server *srv)
{
	size_t i;

	for (i = 0; i < srv->nlistens; i++)
		uv_poll_stop(&srv->listens[i].poll);
}

static void
on_pause_over(uv_timer_t *timer)
{
	struct server *srv = timer->data;

	if (!srv->hub.closing)
		watch_all(srv);
}

/* all: those who are here are accepted even if the turn has had its time. */
static void
accept_from(struct server *srv, int listen_fd, bool all)
{
	int most = srv->hub.tallies == NULL ? ACCEPTS : SHARED_ACCEPTS, i, fd;

	for (i = 0; i < most && (all || !turn_spent(&srv->hub.turn)); i++) {
		fd = accept4(
		    listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd != -1) {
			if (!pass_on(srv, fd))
				pending_open(srv, fd, false);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno == EAGAIN)
			return;
		/*
		 * We have no descriptors left.  New connections wait in the
		 * backlog, and we stop watching the sockets: they stay
		 * readable, and we would spin.
		 */
		log_error("accept", "%s", strerror(errno));
		watch_none(srv);
		uv_timer_start(&srv->listen_pause, on_pause_over, PAUSE_MS, 0);
		return;
	}
}

static void
on_connection(uv_poll_t *handle, int status, int events)
{
	struct server *srv = handle->data;

	(void)status;
	(void)events;
	turn_step(&srv->hub.turn);
	/* poll is the first member */
	accept_from(srv, ((struct listening *)handle)->fd, false);
}

void
listen_accept(struct server *srv)
{
	size_t i;

	if (srv->spread != NULL) {
		spread_leave(srv->spread, srv->hub.worker);
		take_handed(srv, true);
	}
	for (i = 0; i < srv->nlistens; i++)
		accept_from(srv, srv->listens[i].fd, true);
}

static bool
watches_handed(struct server *srv)
{
	int fd = spread_join(srv->spread, srv->hub.worker);

	srv->handed.data = srv;
	return uv_poll_init(&srv->loop, &srv->handed, fd) == 0 &&
	       uv_poll_start(&srv->handed, UV_READABLE, on_handed) == 0;
}

int
listen_start(struct server *srv)
{
	struct listening *l;

	for (l = srv->listens; l < srv->listens + srv->nlistens; l++) {
		if (uv_poll_init(&srv->loop, &l->poll, l->fd) != 0)
			return -1;
		l->poll.data = srv;
	}
	uv_timer_init(&srv->loop, &srv->listen_pause);
	srv->listen_pause.data = srv;
	if (srv->spread != NULL && !watches_handed(srv))
		return -1;
	return watch_all(srv);
}

/*
 * The file of the socket may have been renamed, and the name may be that of
 * another process's socket now: so an upgrade refuses nobody.
 */
static bool
is_our_file(const struct server *srv)
{
	struct stat sb;

	return lstat(srv->socket_path, &sb) == 0 &&
	       sb.st_dev == srv->socket_is.st_dev &&
	       sb.st_ino == srv->socket_is.st_ino;
}

void
listen_remove(struct server *srv)
{
	if (srv->socket_path != NULL && is_our_file(srv))
		unlink(srv->socket_path);
	free(srv->socket_path);
	srv->socket_path = NULL;
	sockets_close(srv);
}

void
listen_close(struct server *srv)
{
	size_t i;

	watch_none(srv);
	for (i = 0; i < srv->nlistens; i++)
		uv_close((uv_handle_t *)&srv->listens[i].poll, NULL);
	if (srv->spread != NULL)
		uv_close((uv_handle_t *)&srv->handed, NULL);
	uv_timer_stop(&srv->listen_pause);
	uv_close((uv_handle_t *)&srv->listen_pause, NULL);
	listen_remove(srv);
}
