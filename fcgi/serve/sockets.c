/*
 * sockets.c - makes the listening sockets: descriptor 0, unix:PATH or
 * HOST:PORT.
 *
 * We do not use libfcgi's own function.  It would remove a path on which
 * another process listens, leave the mode of the socket to the umask, know no
 * IPv6, and exit on failure.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/serve/sockets.h"

enum {
	TRIES = 16 /* for a port that is free on all addresses */
};

/* --- unix:PATH ---------------------------------------------------------- */

/*
 * Removes a socket file on which nobody listens any more.  Anything else of
 * this name stays, and *why says what it is.  The connection is not waited for:
 * a full backlog says as well that somebody listens.
 */
static int
remove_stale(const char *path, const struct sockaddr_un *sun, const char **why)
{
	struct stat sb;
	int fd, rc;

	if (lstat(path, &sb) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(sb.st_mode)) {
		*why = S_ISLNK(sb.st_mode)
			   ? "is a symbolic link: name the place it leads to"
			   : "a file that is no socket has this name";
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	close(fd);
	if (rc == -1 && errno == ECONNREFUSED)
		return unlink(path);
	if (rc == 0 || errno == EAGAIN)
		*why = "another process listens on it";
	return -1;
}

/*
 * Binds the socket.  Its file has the right mode from the first moment: nobody
 * can connect before that, or put another file in its place for chmod.
 */
static int
bind_unix(int fd, const struct sockaddr_un *sun, mode_t mode)
{
	mode_t before = umask(0);
	int rc = fchmod(fd, mode);

	if (rc == 0)
		rc = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	umask(before);
	return rc;
}

static int
listen_unix(struct server *srv, const char *path, const char **why)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	strcpy(sun.sun_path, path);
	if (remove_stale(path, &sun, why) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (bind_unix(fd, &sun, (mode_t)srv->conf.listen_mode) == -1) {
		if (errno == EACCES || errno == EROFS)
			*why = "this user may not make a file in its directory";
		else if (errno == ENOENT)
			*why = "there is no such directory";
	} else if (lstat(path, &srv->socket_is) == 0 &&
		   listen(fd, (int)srv->conf.backlog) == 0 &&
		   (srv->socket_path = strdup(path)) != NULL) {
		return fd;
	}
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
sockets_check(const char *where)
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

/* --- HOST:PORT ----------------------------------------------------------- */

/* both: the socket for IPv6 leaves IPv4 to another socket. */
static int
listen_address(struct server *srv, const struct addrinfo *ai, bool both)
{
	int on = 1, fd;

	fd = socket(ai->ai_family,
	    ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (both && ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    listen(fd, (int)srv->conf.backlog) == 0)
		return fd;
	close(fd);
	return -1;
}

static in_port_t *
port_in(struct sockaddr *sa)
{
	return sa->sa_family == AF_INET6
		   ? &((struct sockaddr_in6 *)(void *)sa)->sin6_port
		   : &((struct sockaddr_in *)(void *)sa)->sin_port;
}

/* A name may have the same address twice: in /etc/hosts, localhost has. */
static bool
was_before(const struct addrinfo *list, const struct addrinfo *ai)
{
	for (; list != ai; list = list->ai_next)
		if (list->ai_addrlen == ai->ai_addrlen &&
		    memcmp(list->ai_addr, ai->ai_addr, ai->ai_addrlen) == 0)
			return true;
	return false;
}

/* Does this machine lack the address, or the whole family? */
static bool
is_not_here(int err)
{
	return err == EAFNOSUPPORT || err == EADDRNOTAVAIL;
}

void
sockets_close(struct server *srv)
{
	while (srv->nlistens > 0)
		close(srv->listens[--srv->nlistens].fd);
}

/* The port that the first socket got, where a free one was asked for. */
static in_port_t
port_of(const struct server *srv)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} name = {0};
	socklen_t len = sizeof(name);

	if (srv->nlistens == 0 ||
	    getsockname(srv->listens[0].fd, &name.sa, &len) == -1)
		return 0;
	return name.sa.sa_family == AF_INET6 ? name.in6.sin6_port
					     : name.in.sin_port;
}

/*
 * Listens on each address of the list; those that the machine does not have are
 * left out, unless none is left.
 */
static int
listen_list(struct server *srv, const struct addrinfo *list, const char **why)
{
	const struct addrinfo *ai;
	int fd, err = EADDRNOTAVAIL;
	in_port_t port;

	for (ai = list; ai != NULL; ai = ai->ai_next) {
		if (was_before(list, ai))
			continue;
		if (srv->nlistens == LISTENS_MAX) {
			*why = "this name has too many addresses";
			break;
		}
		port = *port_in(ai->ai_addr);
		if (port == 0)
			*port_in(ai->ai_addr) = port_of(srv);
		fd = listen_address(srv, ai, list->ai_next != NULL);
		err = fd == -1 ? errno : err;
		*port_in(ai->ai_addr) = port;
		if (fd != -1)
			srv->listens[srv->nlistens++].fd = fd;
		else if (!is_not_here(err))
			break;
	}
	if (ai == NULL && srv->nlistens > 0)
		return 0;
	sockets_close(srv);
	errno = err;
	return -1;
}

/*
 * Listens on HOST:PORT.  HOST may be [::1], or empty for every address.  A free
 * port of the first address can be taken on another: then there is another try.
 */
static int
listen_tcp(struct server *srv, const char *where, const char **why)
{
	struct addrinfo want = {.ai_socktype = SOCK_STREAM,
			    .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
			*list;
	char *host = strdup(where), *colon, *name = host;
	int rc, err, tries = 0;

	if (host == NULL)
		return -1;
	colon = strrchr(host, ':'); /* sockets_check has made sure of it */
	*colon = '\0';
	if (*name == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		name++;
	}
	err = getaddrinfo(*name == '\0' ? NULL : name, colon + 1, &want, &list);
	rc = atoi(colon + 1);
	free(host);
	if (err != 0) {
		*why = gai_strerror(err);
		return -1;
	}
	if (rc != 0)
		tries = TRIES;
	do
		rc = listen_list(srv, list, why);
	while (rc == -1 && errno == EADDRINUSE && ++tries < TRIES);
	freeaddrinfo(list);
	return rc;
}

/* --- opening -------------------------------------------------------------- */

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
	return fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK) == 0 ? 0 : -1;
}

/*
 * Says the addresses that we listen on.  For port 0 nobody could know them
 * otherwise.
 */
static void
say_where(const struct server *srv)
{
	struct sockaddr_storage ss;
	socklen_t len;
	char host[NI_MAXHOST], port[NI_MAXSERV];
	size_t i;

	if (srv->conf.listen == NULL)
		log_info(srv->conf.quiet, "listening", "on descriptor 0");
	else if (srv->socket_path != NULL)
		log_info(
		    srv->conf.quiet, "listening", "on %s", srv->conf.listen);
	else
		for (i = 0; i < srv->nlistens; i++) {
			len = sizeof(ss);
			if (getsockname(srv->listens[i].fd,
				(struct sockaddr *)&ss, &len) == 0 &&
			    getnameinfo((struct sockaddr *)&ss, len, host,
				sizeof(host), port, sizeof(port),
				NI_NUMERICHOST | NI_NUMERICSERV) == 0)
				log_info(srv->conf.quiet, "listening",
				    strchr(host, ':') ? "on [%s]:%s"
						      : "on %s:%s",
				    host, port);
		}
}

int
sockets_open(struct server *srv)
{
	const char *where = srv->conf.listen, *why = NULL;
	int fd = -1;

	if (where != NULL && strncmp(where, "unix:", 5) != 0) {
		if (listen_tcp(srv, where, &why) == 0)
			fd = srv->listens[0].fd;
	} else {
		fd = where != NULL ? listen_unix(srv, where + 5, &why)
				   : take_given(&why);
		if (fd != -1)
			srv->listens[srv->nlistens++].fd = fd;
	}
	if (fd == -1) {
		log_error(where != NULL ? where : "descriptor 0", "%s",
		    why != NULL ? why : strerror(errno));
		return -1;
	}
	say_where(srv);
	return 0;
}
