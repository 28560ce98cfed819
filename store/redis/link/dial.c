/*
 * dial.c - which host a link connects to, and how it begins to.
 *
 * That is the next host of the address, or the master that a Sentinel named,
 * or the node that a node of a cluster named because it has the log.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/redis/link/dial.h"

/* The master or node that was named, or else the next of the address. */
static const char *
called_host(const struct redis_link *l)
{
	return l->master[0] != '\0' ? l->master : l->url->host[l->host].name;
}

/* `MOVED slot host:port'; without a host, that of this connection is meant. */
static bool
read_place(const char *s, const char *same, char host[256], char port[8])
{
	const char *at = strrchr(s, ' '), *colon = strrchr(s, ':');
	int len;

	if (at == NULL || colon == NULL || colon < at ||
	    strlen(colon + 1) > 7 ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	len = (int)(colon - ++at);
	if (len == 0 || (len == 1 && *at == '?')) {
		at = same;
		len = (int)strlen(same);
	}
	if (snprintf(host, 256, "%.*s", len, at) >= 256)
		return false;
	strcpy(port, colon + 1);
	return true;
}

bool
redis_dial_follow(struct redis_link *l, const redisReply *r)
{
	char host[256], port[8];
	unsigned fails = l->fails;

	if (!read_place(r->str, called_host(l), host, port))
		return false;
	redis_link_fail(l, "the log is at %.100s:%s now", host, port);
	l->fails = fails;
	redis_link_forget_host(l);
	strcpy(l->master, host);
	strcpy(l->port, port);
	return true;
}

static int
dial_address(const struct redis_address *a)
{
	static const int on = 1;
	int fd = socket(
	    a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&a->sa, a->len) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

static int
dial_path(const char *path)
{
	struct redis_address a = {.len = sizeof(struct sockaddr_un)};
	struct sockaddr_un *sun = (struct sockaddr_un *)&a.sa;

	if (strlen(path) >= sizeof(sun->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	sun->sun_family = AF_UNIX;
	strcpy(sun->sun_path, path);
	return dial_address(&a);
}

static void
connecting(struct redis_link *l, int fd)
{
	if (fd == -1) {
		redis_link_fail(l, "%s", strerror(errno));
		return;
	}
	l->fd = fd;
	l->phase = LINK_CONNECTING;
}

static void
dial_found(struct redis_link *l)
{
	l->at_master = l->master[0] != '\0';
	connecting(l, dial_address(&l->found.list[l->found.at]));
}

/* Until an answer comes, why says that none has come. */
static void
look_up(struct redis_link *l, const char *host, const char *port)
{
	char why[100];

	l->name = redis_name_ask(host, port, why, sizeof(why));
	if (l->name == NULL) {
		redis_link_fail(l, "%.100s: %s", host, why);
		return;
	}
	snprintf(
	    l->why, sizeof(l->why), "%.100s: no name server answers", host);
	redis_clean(l->url, l->why); /* the name may be Redis's */
	l->phase = LINK_NAMING;
	redis_dial_named(l);
}

void
redis_dial_named(struct redis_link *l)
{
	char why[80] = "";
	enum redis_named named =
	    redis_name_turn(l->name, &l->found, why, sizeof(why));

	if (named == NAME_ASKED)
		return;
	redis_name_close(l->name);
	l->name = NULL;
	if (named == NAME_FOUND) {
		l->why[0] = '\0';
		dial_found(l);
	} else
		redis_link_fail(l, "%.100s: %s", strdupa(called_host(l)), why);
}

void
redis_dial(struct redis_link *l)
{
	const struct redis_host *h = &l->url->host[l->host];
	const char *port = l->master[0] != '\0' ? l->port : h->port;

	if (h->port == NULL && l->master[0] == '\0')
		connecting(l, dial_path(h->name));
	else if (l->found.at < l->found.n ||
		 redis_name_number(called_host(l), port, &l->found))
		dial_found(l);
	else
		look_up(l, called_host(l), port);
}
