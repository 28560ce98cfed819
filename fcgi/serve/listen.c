/*
 * listen.c - the listening socket: descriptor 0, unix:PATH or HOST:PORT.
 *
 * We do not use libfcgi's own function.  It would remove a path on which
 * another process listens, leave the mode of the socket to the umask, know no
 * IPv6, and exit on failure.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/serve/listen.h"
#include "fcgi/base/log.h"
#include "fcgi/serve/pending.h"

enum {
	ACCEPTS = 512,	    /* in one turn */
	SHARED_ACCEPTS = 8, /* so that other workers get some, too */
	PAUSE_MS = 100	    /* when we have no descriptors left */
};

/* --- making the socket -------------------------------------------------- */

/*
 * Removes a socket file on which nobody listens any more.  Anything else of
 * this name stays, and binding the socket then fails.
 */
static int
remove_stale(const char *path, const struct sockaddr_un *sun)
{
	struct stat sb;
	int fd, rc;

	if (lstat(path, &sb) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(sb.st_mode)) {
		errno = ENOTSOCK;
		return -1;
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	close(fd);
	if (rc == -1 && errno == ECONNREFUSED)
		return unlink(path);
	errno = EADDRINUSE;
	return -1;
}

static int
listen_unix(struct server *srv, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	strcpy(sun.sun_path, path);
	if (remove_stale(path, &sun) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    chmod(path, (mode_t)srv->conf.listen_mode) == 0 &&
	    listen(fd, (int)srv->conf.backlog) == 0 &&
	    (srv->socket_path = strdup(path)) != NULL)
		return fd;
	close(fd);
	return -1;
}

static int
listen_address(struct server *srv, const struct addrinfo *ai)
{
	int on = 1, fd;

	fd = socket(ai->ai_family,
	    ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    listen(fd, (int)srv->conf.backlog) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool
is_listen_port(const char *s)
{
	size_t len = strspn(s, "0123456789");

	return len > 0 && len <= 5 && s[len] == '\0' && atoi(s) <= 65535;
}

const char *
listen_check(const char *where)
{
	const struct sockaddr_un sun;
	const char *colon;

	if (strncmp(where, "unix:", 5) == 0) {
		if (where[5] == '\0')
			return "a path has to follow unix:";
		return strlen(where + 5) < sizeof(sun.sun_path)
			   ? NULL
			   : "the path is too long for a socket";
	}
	if ((colon = strrchr(where, ':')) == NULL)
		return "neither unix:PATH nor HOST:PORT";
	return is_listen_port(colon + 1) ? NULL : "the port is not 0 to 65535";
}

/* Listens on HOST:PORT.  HOST may be [::1], or empty for every address. */
static int
listen_tcp(struct server *srv, const char *where, const char **why)
{
	struct addrinfo want = {.ai_socktype = SOCK_STREAM,
			    .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
			*ai;
	char *host = strdup(where), *colon, *name = host;
	int fd, err;

	if (host == NULL)
		return -1;
	colon = strrchr(host, ':'); /* listen_check has made sure of it */
	*colon = '\0';
	if (*name == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		name++;
	}
	err = getaddrinfo(*name == '\0' ? NULL : name, colon + 1, &want, &ai);
	free(host);
	if (err != 0) {
		*why = gai_strerror(err);
		return -1;
	}
	fd = listen_address(srv, ai);
	freeaddrinfo(ai);
	return fd;
}

/*
 * Takes descriptor 0, where a web server, spawn-fcgi or systemd has put a
 * listening socket.
 */
static int
take_given(const char **why)
{
	int on = 0;
	socklen_t len = sizeof(on);

	if (getsockopt(0, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == -1 || !on) {
		*why = "no listening socket: give --listen, or start it by a "
		       "web server, spawn-fcgi or systemd";
		return -1;
	}
	return fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
}

/*
 * Says the address that we listen on.  For port 0 nobody could know it
 * otherwise.
 */
static void
say_where(const struct server *srv)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (srv->conf.listen == NULL)
		log_info(srv->conf.quiet, "listening", "on descriptor 0");
	else if (srv->socket_path != NULL)
		log_info(
		    srv->conf.quiet, "listening", "on %s", srv->conf.listen);
	else if (getsockname(srv->listen_fd, (struct sockaddr *)&ss, &len) ==
		     0 &&
		 getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host),
		     port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		log_info(srv->conf.quiet, "listening",
		    strchr(host, ':') ? "on [%s]:%s" : "on %s:%s", host, port);
}

int
listen_open(struct server *srv)
{
	const char *where = srv->conf.listen, *why = NULL;

	if (where == NULL) {
		srv->listen_fd = take_given(&why) == -1 ? -1 : 0;
		where = "descriptor 0";
	} else if (strncmp(where, "unix:", 5) == 0)
		srv->listen_fd = listen_unix(srv, where + 5);
	else
		srv->listen_fd = listen_tcp(srv, where, &why);
	if (srv->listen_fd == -1) {
		log_error(where, "%s", why != NULL ? why : strerror(errno));
		return -1;
	}
	say_where(srv);
	return 0;
}

/* --- accepting ---------------------------------------------------------- */

static void
on_connection(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	struct server *srv = handle->data;

	turn_step(&srv->hub.turn);
	listen_accept(srv, false);
}

static void
on_pause_over(uv_timer_t *timer)
{
	struct server *srv = timer->data;

	if (!srv->hub.closing)
		uv_poll_start(&srv->listener, UV_READABLE, on_connection);
}

void
listen_accept(struct server *srv, bool all)
{
	int most = srv->hub.tallies == NULL ? ACCEPTS : SHARED_ACCEPTS, i, fd;

	for (i = 0; i < most && (all || !turn_spent(&srv->hub.turn)); i++) {
		fd = accept4(
		    srv->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd != -1) {
			pending_open(srv, fd);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno == EAGAIN)
			return;
		/*
		 * We have no descriptors left.  New connections wait in the
		 * backlog, and we stop watching the socket: it stays readable,
		 * and we would spin.
		 */
		log_error("accept", "%s", strerror(errno));
		uv_poll_stop(&srv->listener);
		uv_timer_start(&srv->listen_pause, on_pause_over, PAUSE_MS, 0);
		return;
	}
}

int
listen_start(struct server *srv)
{
	if (uv_poll_init(&srv->loop, &srv->listener, srv->listen_fd) != 0)
		return -1;
	srv->listener.data = srv;
	uv_timer_init(&srv->loop, &srv->listen_pause);
	srv->listen_pause.data = srv;
	return uv_poll_start(&srv->listener, UV_READABLE, on_connection);
}

void
listen_remove(struct server *srv)
{
	if (srv->socket_path != NULL)
		unlink(srv->socket_path);
	free(srv->socket_path);
	srv->socket_path = NULL;
	close(srv->listen_fd);
	srv->listen_fd = -1;
}

void
listen_close(struct server *srv)
{
	uv_poll_stop(&srv->listener);
	uv_close((uv_handle_t *)&srv->listener, NULL);
	uv_timer_stop(&srv->listen_pause);
	uv_close((uv_handle_t *)&srv->listen_pause, NULL);
	listen_remove(srv);
}
