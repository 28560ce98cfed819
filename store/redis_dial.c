/*
 * redis_dial.c - whom a link calls, and what it says first.
 *
 * A Sentinel is asked each time for the master, and the master whether it is
 * one: between a failover and its end they may disagree.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/redis_dial.h"

/* --- whom --------------------------------------------------------------- */

void
redis_dial_forget(struct redis_link *l)
{
	if (l->found != NULL)
		freeaddrinfo(l->found);
	l->found = l->trying = NULL;
	l->master[0] = '\0';
	l->at_master = false;
}

void
redis_dial_next(struct redis_link *l)
{
	if (l->trying != NULL && (l->trying = l->trying->ai_next) != NULL)
		return;
	redis_dial_forget(l);
	if (l->url->nhosts > 0)
		l->host = (l->host + 1) % l->url->nhosts;
}

/* The addresses of the host to be called.  False: the link has failed. */
static bool
resolve(struct redis_link *l)
{
	const struct redis_host *h = &l->url->host[l->host];
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM};
	bool master = l->master[0] != '\0';
	int rc;

	rc = getaddrinfo(master ? l->master : h->name,
	    master ? l->port : h->port, &hint, &l->found);
	if (rc != 0) {
		l->found = NULL;
		redis_link_fail(l, "%.100s: %s", master ? l->master : h->name,
		    rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
		return false;
	}
	l->trying = l->found;
	l->at_master = master;
	return true;
}

static int
dial_address(const struct addrinfo *ai)
{
	static const int on = 1;
	int fd = socket(
	    ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

static int
dial_path(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

int
redis_dial(struct redis_link *l)
{
	const struct redis_host *h = &l->url->host[l->host];
	int fd;

	if (h->port == NULL)
		fd = dial_path(h->name);
	else if (l->trying == NULL && !resolve(l))
		return -1;
	else
		fd = dial_address(l->trying);
	if (fd == -1)
		redis_link_fail(l, "%s", strerror(errno));
	return fd;
}

/* --- what is said first ------------------------------------------------- */

enum step {
	STEP_AUTH,
	STEP_SENTINEL, /* who is the master? */
	STEP_SELECT,
	STEP_ROLE, /* are you the master? */
	STEP_SCRIPT,
	STEPS
};

static bool
asks_sentinel(const struct redis_link *l)
{
	return l->url->master != NULL && !l->at_master;
}

static bool
takes(const struct redis_link *l, enum step step)
{
	bool sentinel = asks_sentinel(l);

	switch (step) {
	case STEP_AUTH:
		return l->url->password != NULL;
	case STEP_SENTINEL:
		return sentinel;
	case STEP_SELECT:
		return !sentinel && strcmp(l->url->db, "0") != 0;
	case STEP_ROLE:
		return l->at_master;
	case STEP_SCRIPT:
		return !sentinel && l->script != NULL;
	case STEPS:
		break;
	}
	return false;
}

static bool
say(struct redis_link *l, enum step step)
{
	const struct redis_url *u = l->url;
	const char *cmd[STEPS][4] = {
	    [STEP_AUTH] = {"AUTH", u->user != NULL ? u->user : u->password,
		u->user != NULL ? u->password : NULL},
	    [STEP_SENTINEL] = {"SENTINEL", "get-master-addr-by-name",
		u->master},
	    [STEP_SELECT] = {"SELECT", u->db},
	    [STEP_ROLE] = {"ROLE"},
	    [STEP_SCRIPT] = {"SCRIPT", "LOAD", l->script},
	};
	int argc = 0;

	while (argc < 4 && cmd[step][argc] != NULL)
		argc++;
	return redis_link_put(l, argc, cmd[step], NULL);
}

/* The n-th step that this connection takes; STEPS: it has no more. */
static enum step
nth_step(const struct redis_link *l, unsigned n)
{
	enum step step;

	for (step = 0; step < STEPS; step++)
		if (takes(l, step) && n-- == 0)
			break;
	return step;
}

enum redis_phase
redis_dial_greet(struct redis_link *l)
{
	/* With nothing to say there is still something to be answered. */
	static const char ping[] = "*1\r\n$4\r\nPING\r\n";
	enum step step;

	for (step = 0; step < STEPS; step++)
		if (takes(l, step) && !say(l, step))
			return LINK_DOWN;
	if (!redis_link_put_bytes(l, ping, sizeof(ping) - 1))
		return LINK_DOWN;
	return asks_sentinel(l) ? LINK_ASKING : LINK_GREETING;
}

/* The first word of an error is its kind; the rest may repeat a password. */
static void
refused(struct redis_link *l, enum step step, const redisReply *r)
{
	int word = (int)strcspn(r->str, " ");

	if (step == STEP_AUTH)
		redis_link_fail(
		    l, "%.*s: the user or the password is wrong", word, r->str);
	else
		redis_link_fail(l, "%.150s", r->str);
	l->hopeless = strncmp(r->str, "LOADING", 7) != 0 &&
		      strncmp(r->str, "MASTERDOWN", 10) != 0 &&
		      strncmp(r->str, "BUSY", 4) != 0 && step != STEP_SENTINEL;
}

static void
take_master(struct redis_link *l, const redisReply *r)
{
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    r->element[0]->type != REDIS_REPLY_STRING ||
	    r->element[1]->type != REDIS_REPLY_STRING ||
	    r->element[0]->len >= sizeof(l->master) ||
	    r->element[1]->len >= sizeof(l->port)) {
		redis_link_fail(l,
		    "the Sentinel at %.80s knows no master %.60s",
		    l->url->host[l->host].name, l->url->master);
		return;
	}
	redis_dial_forget(l);
	strcpy(l->master, r->element[0]->str);
	strcpy(l->port, r->element[1]->str);
	l->phase = LINK_DOWN;
}

static bool
is_master(const redisReply *r)
{
	return r->type == REDIS_REPLY_ARRAY && r->elements > 0 &&
	       r->element[0]->type == REDIS_REPLY_STRING &&
	       strcmp(r->element[0]->str, "master") == 0;
}

void
redis_dial_take(struct redis_link *l, const redisReply *r)
{
	enum step step = nth_step(l, l->greeting++);

	if (r->type == REDIS_REPLY_ERROR &&
	    !(step == STEP_AUTH && asks_sentinel(l))) /* it may need none */
		refused(l, step, r);
	else if (step == STEP_SENTINEL)
		take_master(l, r);
	else if (step == STEP_ROLE && !is_master(r))
		redis_link_fail(
		    l, "%s:%s is not the master (yet)", l->master, l->port);
	else if (step == STEP_SCRIPT && r->type == REDIS_REPLY_STRING)
		snprintf(l->sha, sizeof(l->sha), "%s", r->str);
	else if (step == STEPS)
		l->phase = LINK_UP;
}
