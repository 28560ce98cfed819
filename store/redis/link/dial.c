/*
 * dial.c - whom a link calls, and what it says first.
 *
 * A Sentinel is asked each time for the master, and the master whether it is
 * one: between a failover and its end they may disagree.  A node of a cluster
 * that does not have the log names the one that has.
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
#include "store/redis/link/trouble.h"

/* --- whom --------------------------------------------------------------- */

void
redis_dial_forget(struct redis_link *l)
{
	l->found.n = l->found.at = 0;
	l->master[0] = '\0';
	l->at_master = false;
}

void
redis_dial_next(struct redis_link *l)
{
	if (l->found.at < l->found.n && ++l->found.at < l->found.n)
		return;
	redis_dial_forget(l);
	if (l->url->nhosts > 0)
		l->host = (l->host + 1) % l->url->nhosts;
}

/* Who is to be called: the master that was named, or the next of our list. */
static const char *
whom(const struct redis_link *l)
{
	return l->master[0] != '\0' ? l->master : l->url->host[l->host].name;
}

/* `MOVED slot host:port'; without a host it is the same as now. */
static bool
read_place(const char *s, const char *same, char host[256], char port[8])
{
	const char *at = strrchr(s, ' '), *colon = strrchr(s, ':');
	int len;

	if (at == NULL || colon == NULL || colon < at || strlen(colon + 1) > 7)
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

	if (!read_place(r->str, whom(l), host, port))
		return false;
	redis_link_fail(l, "the log is at %.100s:%s now", host, port);
	l->fails = fails;
	redis_dial_forget(l);
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

static void
begun(struct redis_link *l, int fd)
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
	begun(l, dial_address(&l->found.list[l->found.at]));
}

/* Until there is an answer this is what the trouble is. */
static void
ask_name(struct redis_link *l, const char *host, const char *port)
{
	char why[100];

	l->name = redis_name_ask(host, port, why, sizeof(why));
	if (l->name == NULL) {
		redis_link_fail(l, "%.100s: %s", host, why);
		return;
	}
	snprintf(
	    l->why, sizeof(l->why), "%.100s: no name server answers", host);
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
		redis_link_fail(l, "%.100s: %s", strdupa(whom(l)), why);
}

void
redis_dial(struct redis_link *l)
{
	const struct redis_host *h = &l->url->host[l->host];
	const char *port = l->master[0] != '\0' ? l->port : h->port;

	if (h->port == NULL && l->master[0] == '\0')
		begun(l, dial_path(h->name));
	else if (l->found.at < l->found.n ||
		 redis_name_number(whom(l), port, &l->found))
		dial_found(l);
	else
		ask_name(l, whom(l), port);
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
		return !sentinel && l->url->master != NULL;
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
	/*
	 * With nothing to say there is still something to be answered.  PING
	 * is refused where the disk is full, and a Sentinel knows no TIME.
	 */
	static const char ping[] = "*1\r\n$4\r\nPING\r\n",
			  time[] = "*1\r\n$4\r\nTIME\r\n";
	bool sentinel = asks_sentinel(l);
	enum step step;

	for (step = 0; step < STEPS; step++)
		if (takes(l, step) && !say(l, step))
			return LINK_DOWN;
	if (!redis_link_put_bytes(l, sentinel ? ping : time, sizeof(ping) - 1))
		return LINK_DOWN;
	return sentinel ? LINK_ASKING : LINK_GREETING;
}

/* The first word of an error is its kind; the rest may repeat a password. */
static void
refused(struct redis_link *l, enum step step, const redisReply *r)
{
	char why[160];
	enum store_result result = redis_trouble(r, why, sizeof(why));

	if (step == STEP_AUTH && result == STORE_ERROR)
		redis_link_fail(l, "%.*s: the user or the password is wrong",
		    (int)strcspn(r->str, " "), r->str);
	else
		redis_link_fail(l, "%s", why);
	l->hopeless = result == STORE_ERROR && step != STEP_SENTINEL;
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
