/*
 * name.c - the addresses of a host.
 *
 * The C library's getaddrinfo waits for the name server; while that does not
 * answer every stream would wait, too.  c-ares does not wait.  It opens and
 * closes sockets as it likes, so they are in an epoll set of their own, and
 * whoever waits for the answer waits for that set.  Each question reads
 * /etc/resolv.conf anew: a machine that moved to another network finds its new
 * name server.
 */
#include <sys/epoll.h>

#include <ares.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/redis/link/name.h"

enum {
	ASK_MS =
	    1000, /* then another name server is asked, or the same again */
	ASK_TRIES = 3, /* and the pauses double */
	EVENTS = 16
};

struct redis_name {
	ares_channel channel;
	int epoll_fd;
	bool library, open; /* what there is to be given back */
	bool done;
	int status;
	struct redis_addresses found;
};

static void
add_address(
    struct redis_addresses *to, const struct sockaddr *sa, socklen_t len)
{
	struct redis_address *a = &to->list[to->n];

	if (to->n == REDIS_ADDRESSES || len > sizeof(a->sa))
		return;
	memcpy(&a->sa, sa, len);
	a->len = len;
	to->n++;
}

/* For an address and a port's number the C library asks nobody. */
bool
redis_name_number(
    const char *host, const char *port, struct redis_addresses *to)
{
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *ai;

	if (getaddrinfo(host, port, &hint, &ai) != 0)
		return false;
	memset(to, 0, sizeof(*to));
	add_address(to, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(ai);
	return true;
}

/* --- what c-ares calls ---------------------------------------------------- */

/* Watches a socket of c-ares for this from now on; for nothing: it goes. */
static void
on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct redis_name *q = arg;
	struct epoll_event ev = {.data.fd = fd};

	if (readable)
		ev.events |= EPOLLIN;
	if (writable)
		ev.events |= EPOLLOUT;
	if (ev.events == 0)
		epoll_ctl(q->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(q->epoll_fd, EPOLL_CTL_MOD, fd, &ev) == -1)
		epoll_ctl(q->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

/* c-ares must not be closed from in here, so the answer is only noted. */
static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *ai)
{
	struct redis_name *q = arg;
	const struct ares_addrinfo_node *node;

	(void)timeouts;
	q->done = true;
	q->status = status;
	if (ai == NULL)
		return;
	for (node = ai->nodes; node != NULL; node = node->ai_next)
		add_address(&q->found, node->ai_addr, node->ai_addrlen);
	ares_freeaddrinfo(ai);
}

/* --- a question ----------------------------------------------------------- */

static int
begin_question(struct redis_name *q)
{
	struct ares_options opt = {.timeout = ASK_MS,
	    .tries = ASK_TRIES,
	    .sock_state_cb = on_socket,
	    .sock_state_cb_data = q};
	int rc;

	q->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (q->epoll_fd == -1)
		return ARES_ENOMEM;
	if ((rc = ares_library_init(ARES_LIB_INIT_ALL)) != ARES_SUCCESS)
		return rc;
	q->library = true;
	rc = ares_init_options(&q->channel, &opt,
	    ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
	q->open = rc == ARES_SUCCESS;
	return rc;
}

struct redis_name *
redis_name_ask(const char *host, const char *port, char *why, size_t size)
{
	struct ares_addrinfo_hints hint = {.ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = ARES_AI_NUMERICSERV};
	struct redis_name *q = calloc(1, sizeof(*q));
	int rc = ARES_ENOMEM;

	if (q != NULL && (rc = begin_question(q)) == ARES_SUCCESS) {
		ares_getaddrinfo(q->channel, host, port, &hint, on_answer, q);
		return q;
	}
	snprintf(why, size, "%s", ares_strerror(rc));
	redis_name_close(q);
	return NULL;
}

void
redis_name_close(struct redis_name *q)
{
	if (q == NULL)
		return;
	if (q->open)
		ares_destroy(q->channel);
	if (q->library)
		ares_library_cleanup();
	if (q->epoll_fd != -1)
		close(q->epoll_fd);
	free(q);
}

int
redis_name_fd(const struct redis_name *q)
{
	return q->epoll_fd;
}

int64_t
redis_name_wait_ms(const struct redis_name *q, int64_t most)
{
	struct timeval max = {
	    .tv_sec = most / 1000, .tv_usec = most % 1000 * 1000};
	struct timeval tv, *wait;

	if (q->done || most <= 0)
		return 0;
	wait = ares_timeout(q->channel, &max, &tv);
	return wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000;
}

enum redis_named
redis_name_turn(
    struct redis_name *q, struct redis_addresses *to, char *why, size_t size)
{
	struct epoll_event ev[EVENTS];
	int n = q->done ? 0 : epoll_wait(q->epoll_fd, ev, EVENTS, 0), i;

	for (i = 0; i < n; i++)
		ares_process_fd(q->channel,
		    ev[i].events & ~(uint32_t)EPOLLOUT ? ev[i].data.fd
						       : ARES_SOCKET_BAD,
		    ev[i].events & EPOLLOUT ? ev[i].data.fd : ARES_SOCKET_BAD);
	if (!q->done) /* for the timeouts that have passed */
		ares_process_fd(q->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (!q->done)
		return NAME_ASKED;
	if (q->found.n > 0) {
		*to = q->found;
		return NAME_FOUND;
	}
	snprintf(why, size, "%s",
	    q->status == ARES_ETIMEOUT
		? "no name server answers"
		: ares_strerror(
		      q->status == ARES_SUCCESS ? ARES_ENODATA : q->status));
	return NAME_UNKNOWN;
}
