/*
 * post.c - the publishers of the measurements that publish over HTTP.
 *
 * usage: post [-l BYTES] [-r] [-H HEADER]... PORT TARGET
 *
 * -r: the body is the event (nchan).  Otherwise it is JSON, of several events
 * a line each.  Commands on stdin, each answered with a JSON object:
 *
 *   post CONNECTIONS ROWS SECONDS	so many kept connections, each with one
 *	request of ROWS events underway
 *   quit
 *
 * Every answer is read whole, has to be a 2xx and, of JSON, to have as many
 * ids as there were events; anything else ends the program.  Events are
 * numbered from 1 in the order in which they are sent, over all connections
 * and commands.  The delays are those of the answers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tally.h"

enum {
	CONNECTIONS = 1024,
	ROWS = 1000,
	ANSWER = 64 * 1024
};

struct conn {
	int fd;		  /* -1: none */
	size_t len;	  /* bytes of the answer so far */
	uint64_t sent_ns; /* 0: nothing is underway */
	char answer[ANSWER + 1];
};

struct poster {
	struct sockaddr_in to;
	const char *target;
	char headers[16 * 1024]; /* whole lines */
	bool raw;
	size_t len;    /* bytes of an event's data */
	uint64_t next; /* number of the next event */
	size_t rows;   /* of a request */
	uint64_t requests, reconnects, underway;
	int ep;
	struct conn *conns;
	char *request, *body;
	struct tally tally;
};

static void
fail(const char *what, const char *why)
{
	printf("{\"error\":\"%s: %.200s\"}\n", what, why);
	exit(1);
}

/* --- a request ---------------------------------------------------------- */

static char *
put_event(struct poster *p, char *to)
{
	int n;

	if (!p->raw)
		to = stpcpy(to, "{\"data\":\"");
	n = sprintf(to, "@n=%llu t=%llu ", (unsigned long long)p->next++,
	    (unsigned long long)tally_now());
	memset(to + n, 'x', p->len - (size_t)n - 1);
	to += p->len;
	to[-1] = '$';
	return p->raw ? to : stpcpy(to, "\"}\n");
}

static void
connect_it(struct poster *p, struct conn *c)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1 ||
	    connect(c->fd, (struct sockaddr *)&p->to, sizeof(p->to)) != 0)
		fail("connect", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(p->ep, EPOLL_CTL_ADD, c->fd, &ev) != 0)
		fail("epoll_ctl", strerror(errno));
}

/* It is far below what a socket takes, so the send does not wait. */
static void
send_request(struct poster *p, struct conn *c)
{
	char *to = p->body;
	size_t i, len, done;
	ssize_t n;

	for (i = 0; i < p->rows; i++)
		to = put_event(p, to);
	len = (size_t)sprintf(p->request,
	    "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
	    "%sContent-Length: %zu\r\n\r\n",
	    p->target,
	    p->raw	  ? "text/plain"
	    : p->rows > 1 ? "application/x-ndjson"
			  : "application/json",
	    p->headers, (size_t)(to - p->body));
	memcpy(p->request + len, p->body, (size_t)(to - p->body));
	len += (size_t)(to - p->body);
	c->len = 0;
	c->sent_ns = tally_now();
	p->underway++;
	for (done = 0; done < len; done += (size_t)n)
		if ((n = send(c->fd, p->request + done, len - done,
			 MSG_NOSIGNAL)) < 0)
			fail("send", strerror(errno));
}

/* --- an answer ---------------------------------------------------------- */

/* All of it is there: where its body begins.  NULL: not yet. */
static const char *
whole(const struct conn *c)
{
	const char *body = strstr(c->answer, "\r\n\r\n"), *field;
	size_t have;

	if (body == NULL)
		return NULL;
	body += 4;
	have = c->len - (size_t)(body - c->answer);
	field = strcasestr(c->answer, "\ncontent-length:");
	if (field != NULL && field < body)
		return have >= strtoul(field + 16, NULL, 10) ? body : NULL;
	/* In chunks: the last one is the empty one. */
	return have >= 5 && memcmp(c->answer + c->len - 5, "0\r\n\r\n", 5) == 0
		   ? body
		   : NULL;
}

static void
check(const struct poster *p, const struct conn *c, const char *body)
{
	size_t quotes = 0;

	if (strncmp(c->answer, "HTTP/1.1 2", 10) != 0)
		fail("an answer", strtok((char *)c->answer, "\r\n"));
	if (p->raw)
		return;
	while ((body = strchr(body, '"')) != NULL) {
		body++;
		quotes++;
	}
	if (quotes != 2 + 2 * p->rows)
		fail("an answer", "not as many ids as events");
}

static void
close_it(struct conn *c)
{
	struct linger now = {1, 0};

	if (c->fd == -1)
		return;
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->fd);
	c->fd = -1;
}

/* True: the answer is whole, and the connection free for the next request. */
static bool
read_answer(struct poster *p, struct conn *c)
{
	ssize_t n =
	    recv(c->fd, c->answer + c->len, ANSWER - c->len, MSG_DONTWAIT);
	const char *body, *field;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0 && c->sent_ns == 0) {
		close_it(c); /* between two requests it may be closed */
		return false;
	}
	if (n <= 0)
		fail("an answer", n == 0 ? "closed" : strerror(errno));
	c->len += (size_t)n;
	c->answer[c->len] = '\0';
	if ((body = whole(c)) == NULL)
		return false;
	check(p, c, body);
	p->requests++;
	p->underway--;
	tally_event(&p->tally, p->requests, c->sent_ns, tally_now());
	c->sent_ns = 0;
	field = strcasestr(c->answer, "\nconnection: close");
	if (field != NULL && field < body) {
		close_it(c);
		p->reconnects++;
	}
	return true;
}

/* --- commands ----------------------------------------------------------- */

static void
go(struct poster *p, struct conn *c)
{
	if (c->fd == -1)
		connect_it(p, c);
	send_request(p, c);
}

static void
post(struct poster *p, size_t conns, double seconds)
{
	struct epoll_event ev[CONNECTIONS];
	uint64_t began = tally_now(), cpu = tally_cpu_us(), first = p->next,
		 until = began + (uint64_t)(seconds * 1e9);
	int i, n;

	tally_clear(&p->tally);
	p->requests = p->reconnects = 0;
	for (i = 0; i < (int)conns; i++)
		go(p, &p->conns[i]);
	while (p->underway > 0) {
		if ((n = epoll_wait(p->ep, ev, CONNECTIONS, 10000)) == 0)
			fail("an answer", "none in 10 seconds");
		for (i = 0; i < n; i++)
			if (read_answer(p, ev[i].data.ptr) &&
			    tally_now() < until)
				go(p, ev[i].data.ptr);
	}
	printf("{\"first\":%llu,\"last\":%llu,\"requests\":%llu,"
	       "\"reconnects\":%llu,\"began_ns\":%llu,\"ended_ns\":%llu,"
	       "\"cpu_us\":%llu,",
	    (unsigned long long)first, (unsigned long long)p->next - 1,
	    (unsigned long long)p->requests, (unsigned long long)p->reconnects,
	    (unsigned long long)began, (unsigned long long)tally_now(),
	    (unsigned long long)(tally_cpu_us() - cpu));
	tally_print(&p->tally, 1, stdout);
	puts("}");
	for (i = 0; i < (int)conns; i++)
		close_it(&p->conns[i]);
}

static void
commands(struct poster *p)
{
	char line[256];
	size_t conns;
	double seconds;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (strcmp(line, "quit\n") == 0)
			return;
		if (sscanf(line, "post %zu %zu %lf", &conns, &p->rows,
			&seconds) == 3 &&
		    conns > 0 && conns <= CONNECTIONS && p->rows > 0 &&
		    p->rows <= (p->raw ? 1 : ROWS))
			post(p, conns, seconds);
		else
			puts("{\"error\":\"no such command\"}");
		fflush(stdout);
	}
}

static int
options(struct poster *p, int argc, char **argv)
{
	size_t used = 0;
	int c;

	while ((c = getopt(argc, argv, "l:rH:")) != -1) {
		if (c == 'l')
			p->len = strtoul(optarg, NULL, 10);
		else if (c == 'r')
			p->raw = true;
		else if (c == 'H' &&
			 used + strlen(optarg) + 3 < sizeof(p->headers))
			used += (size_t)sprintf(
			    p->headers + used, "%s\r\n", optarg);
		else
			return -1;
	}
	if (argc - optind != 2 || p->len < 64 || p->len > 4096)
		return -1;
	p->to.sin_family = AF_INET;
	p->to.sin_port = htons((uint16_t)atoi(argv[optind]));
	p->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->target = argv[optind + 1];
	return 0;
}

int
main(int argc, char **argv)
{
	static struct poster p = {.next = 1, .len = 100};
	size_t i, room;

	if (options(&p, argc, argv) == -1)
		return 2;
	room = ROWS * (p.len + 32);
	p.body = malloc(room);
	p.request = malloc(room + 32 * 1024);
	p.conns = calloc(CONNECTIONS, sizeof(*p.conns));
	p.ep = epoll_create1(EPOLL_CLOEXEC);
	if (p.body == NULL || p.request == NULL || p.conns == NULL ||
	    p.ep == -1)
		return 2;
	for (i = 0; i < CONNECTIONS; i++)
		p.conns[i].fd = -1;
	commands(&p);
	return 0;
}
